import { useRouteError } from 'react-router';
import { Failure } from '../ui/failure.tsx';

/** A page that broke: what to do next, with the rest of the app still standing. */
export function RouteFailure() {
  const error = useRouteError();
  return <Failure error={error} onRetry={() => window.location.reload()} />;
}
