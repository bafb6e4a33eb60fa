import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import type { ChartEntry } from './chart-entry.ts';
import { PartOnly } from './chart-layout.tsx';
import { useChart } from './use-chart.ts';

/** Waits for the chart of the patient in the address, and says when it is only a part. */
export function WithChart({
  children,
}: {
  readonly children: (entries: readonly ChartEntry[], patient: string) => ReactNode;
}) {
  const { t } = useTranslation('clinician');
  const { patient = '' } = useParams();
  const chart = useChart(patient);
  if (chart.isPending) return <Loading what={t('chart.loading')} />;
  if (chart.isError) return <Failure error={chart.error} onRetry={() => void chart.refetch()} />;
  return (
    <>
      {chart.data.isPart ? <PartOnly /> : null}
      {children(chart.data.entries, patient)}
    </>
  );
}
