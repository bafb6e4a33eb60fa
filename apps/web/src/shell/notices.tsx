import '@mantine/notifications/styles.css';
import { Notifications } from '@mantine/notifications';

/** What was done, said in a corner: fetched after the first page stands, which has nothing to say. */
export function Notices() {
  return <Notifications position="bottom-right" />;
}
