import { Metadata, status } from '@grpc/grpc-js';
import { GatewayError } from '@hyperledger/fabric-gateway';
import { describe, expect, it } from 'vitest';
import { faultText, rejectedText } from '../wire.ts';
import { describeGatewayError, isTransientOrderError, readEndorseError } from './gateway-fault.ts';

const rejected = rejectedText([{ index: 0, outcome: { kind: 'refused', code: 'patient-exists' } }]);

function errorOf(code: status, details: readonly [mspId: string, message: string][] = [], message = 'failed') {
  const cause = Object.assign(new Error(message), { code, details: message, metadata: new Metadata() });
  return new GatewayError({
    code,
    message,
    details: details.map(([mspId, message]) => ({ address: 'peer0:7051', mspId, message })),
    cause,
  });
}

const read = (error: unknown) =>
  readEndorseError(error, { count: 1, own: 'hospital-a', endorsers: ['hospital-a', 'laboratory'] });

describe('an endorsement that failed', () => {
  it('is what the own chaincode answered, whatever the others said', () => {
    const error = errorOf(status.ABORTED, [
      ['laboratory', `chaincode response 409, ${rejectedText([{ index: 0, outcome: { kind: 'repeated' } }])}`],
      ['hospital-a', `chaincode response 409, ${rejected}`],
    ]);
    expect(read(error)).toEqual({
      kind: 'answered',
      failure: { kind: 'rejected', refusals: [{ index: 0, outcome: { kind: 'refused', code: 'patient-exists' } }] },
    });
    expect(read(errorOf(status.ABORTED, [['hospital-a', `chaincode response 408, ${faultText('time-off')}`]]))).toEqual(
      {
        kind: 'answered',
        failure: { kind: 'fault', code: 'time-off' },
      },
    );
  });

  it('is a matter of waiting where endorsers answer from different states', () => {
    expect(read(errorOf(status.ABORTED, [['laboratory', 'ProposalResponsePayloads do not match']])).kind).toBe(
      'mismatch',
    );
    expect(read(errorOf(status.ABORTED, [['hospital-a', 'ProposalResponsePayloads do not match']])).kind).toBe(
      'mismatch',
    );
    expect(read(errorOf(status.ABORTED, [['laboratory', `chaincode response 409, ${rejected}`]])).kind).toBe(
      'mismatch',
    );
  });

  it('blames the others where the own peer took part', () => {
    const others = { kind: 'others', organisations: ['laboratory'] };
    expect(read(errorOf(status.ABORTED, [['laboratory', 'connection refused']]))).toEqual(others);
    expect(read(errorOf(status.ABORTED, [['laboratory', `chaincode response 408, ${faultText('time-off')}`]]))).toEqual(
      others,
    );
    expect(read(errorOf(status.UNAVAILABLE, [], 'failed to find any endorsing peers for org(s): laboratory'))).toEqual(
      others,
    );
    expect(read(errorOf(status.DEADLINE_EXCEEDED))).toEqual(others);
  });

  it('blames nobody else where the own peer or chaincode is not there', () => {
    expect(read(errorOf(status.UNAVAILABLE)).kind).toBe('unreachable');
    expect(read(errorOf(status.ABORTED, [['hospital-a', 'chaincode stream terminated']])).kind).toBe('unreachable');
    const both = 'failed to find any endorsing peers for org(s): hospital-a, laboratory';
    expect(read(errorOf(status.UNAVAILABLE, [], both)).kind).toBe('unreachable');
  });

  it('is thrown on where it comes from this program', () => {
    expect(() => read(new RangeError('a bug'))).toThrow(RangeError);
    expect(() => isTransientOrderError(new RangeError('a bug'))).toThrow(RangeError);
  });

  it('is described by status and organisations, never by what was said of the calls', () => {
    const error = errorOf(status.ABORTED, [['laboratory', 'grant of pid 7']]);
    expect(describeGatewayError(error)).toBe('ABORTED from laboratory');
  });
});

describe('the orderers’ answer', () => {
  it('is waited for again where they were not reached, and final where they refuse', () => {
    expect(isTransientOrderError(errorOf(status.UNAVAILABLE))).toBe(true);
    expect(isTransientOrderError(errorOf(status.DEADLINE_EXCEEDED))).toBe(true);
    expect(isTransientOrderError(errorOf(status.ABORTED))).toBe(false);
    expect(isTransientOrderError(errorOf(status.PERMISSION_DENIED))).toBe(false);
  });
});
