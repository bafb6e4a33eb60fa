import type { UpReport } from '@salus/network';

/** What `up` did, or that there was nothing to do. */
export function upText(report: UpReport): string {
  const { deployment, contracts, network } = report;
  const notes = [
    ...(report.outdated.length === 0
      ? []
      : [`Configured anew, restart to apply: ${report.outdated.join(', ')} (salus network restart)`]),
    ...(report.outside.length === 0
      ? []
      : [`Not in the channel: ${report.outside.join(', ')} (salus network add-org)`]),
    ...(deployment?.committed === false
      ? [`Waiting for approvals of the contracts: ${waiting(deployment.approvals)}`]
      : []),
  ];
  if (report.unchanged) return [`The network ${network} is up; nothing changed.`, ...notes].join('\n');
  const did = [
    ['started', report.started],
    ['joined the channel', report.joined],
    ['chaincode installed', report.installed],
  ] as const;
  return [
    `The network ${network} is up with contracts ${contracts.contracts}.`,
    ...did.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${names.join(', ')}`),
    ...(deployment?.changed === true ? [`chaincode definition ${deployment.sequence} approved`] : []),
    ...notes,
  ].join('\n');
}

function waiting(approvals: Readonly<Record<string, boolean>>): string {
  return Object.entries(approvals)
    .filter(([, approved]) => !approved)
    .map(([slug]) => slug)
    .join(', ');
}
