import { gzipSync } from 'node:zlib';
import { NetworkError } from '../network-error.ts';
import { sha256 } from './identity.ts';

/** What a peer needs for reaching its chaincode service. The client certificate and key are the peer's, PEM. */
export type ChaincodeService = {
  readonly label: string;
  /** host:port */
  readonly address: string;
  readonly tls: {
    /** The authority of the service's certificate. */
    readonly rootCertificate: string;
    readonly clientCertificate: string;
    readonly clientKey: string;
  };
};

export type ChaincodePackage = { readonly bytes: Buffer; readonly packageId: string };

/** Fabric's `LabelRegexp` (core/chaincode/persistence). */
const LABEL = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]*$/;
const ENDPOINT = /^[a-zA-Z0-9.-]+:[0-9]{1,5}$/;
const DIAL_TIMEOUT = '10s';

const TAR_BLOCK = 512;
const FILE_MODE = '0000600';
/** Stored without compression: no version of zlib writes it differently. */
const STORED = 0;
/** Byte 9 of a gzip header: of no known file system, so that no machine's name is in the hash (RFC 1952 §2.3.1). */
const GZIP_OS_AT = 9;
const GZIP_OS_UNKNOWN = 0xff;

/**
 * The package of a chaincode that runs as a service (`ccaas`): metadata and where to reach it over mutual TLS. The same
 * input gives the same bytes on every machine, so that the package id does too. It holds the peer's client key: the
 * package is for this organisation's own peers. Throws `bad-input`.
 */
export function createChaincodePackage(service: ChaincodeService): ChaincodePackage {
  if (!LABEL.test(service.label)) throw new NetworkError('bad-input', `"${service.label}" is no label of a package`);
  if (!ENDPOINT.test(service.address)) throw new NetworkError('bad-input', 'a chaincode service is at host:port');
  const connection = {
    address: service.address,
    dial_timeout: DIAL_TIMEOUT,
    tls_required: true,
    client_auth_required: true,
    root_cert: service.tls.rootCertificate,
    client_cert: service.tls.clientCertificate,
    client_key: service.tls.clientKey,
  };
  const code = gzip(tar([['connection.json', Buffer.from(JSON.stringify(connection))]]));
  const metadata = Buffer.from(JSON.stringify({ type: 'ccaas', label: service.label }));
  const bytes = gzip(
    tar([
      ['metadata.json', metadata],
      ['code.tar.gz', code],
    ]),
  );
  return { bytes, packageId: `${service.label}:${sha256(bytes).toString('hex')}` };
}

/** Without time or machine in its header. */
function gzip(content: Buffer): Buffer {
  const zipped = gzipSync(content, { level: STORED });
  zipped.writeUInt8(GZIP_OS_UNKNOWN, GZIP_OS_AT);
  return zipped;
}

/** POSIX ustar of plain files, without owner and time. */
function tar(files: readonly (readonly [name: string, content: Buffer])[]): Buffer {
  const entries = files.flatMap(([name, content]) => [
    tarHeader(name, content.length),
    content,
    Buffer.alloc((TAR_BLOCK - (content.length % TAR_BLOCK)) % TAR_BLOCK),
  ]);
  return Buffer.concat([...entries, Buffer.alloc(2 * TAR_BLOCK)]);
}

function tarHeader(name: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  header.write(name, 0, 100, 'ascii');
  header.write(`${FILE_MODE}\0`, 100, 'ascii');
  header.write('0000000\0', 108, 'ascii');
  header.write('0000000\0', 116, 'ascii');
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124, 'ascii');
  header.write('00000000000\0', 136, 'ascii');
  header.write('        ', 148, 'ascii');
  header.write('0', 156, 'ascii');
  header.write('ustar\u000000', 257, 'ascii');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return header;
}
