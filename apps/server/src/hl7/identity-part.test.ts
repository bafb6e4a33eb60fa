import { describe, expect, it } from 'vitest';
import { identityPart } from './identity-part.ts';

const MSH = 'MSH|^~\\&|ADT|HOSP|||2026||ADT^A01|1|P|2.5.1';
const PID = 'PID|1||1001^^^HOSP^MR||Åkesson^Björn';

describe('the part of a refused message that says whose it is', () => {
  it('holds no diagnosis, result, insurance or segment of the sender’s own', () => {
    const others = ['DG1|1||B20', 'OBX|1|ST|2^Text||fine', 'IN1|1|x', 'ZPI|HIV', 'NTE|1||PID|1', 'PIDX|B20', 'pid|B20'];
    const message = Buffer.from([MSH, others[0], PID, ...others].join('\r'));
    expect(identityPart(message).toString()).toBe(`${MSH}\r${PID}\r`);
  });

  it('is empty of what is no message', () => {
    expect(identityPart(Buffer.from('nonsense about somebody')).length).toBe(0);
  });
});
