import { inflateSync } from 'node:zlib';
import { decodePDFRawStream, PDFDict, PDFDocument, PDFName, type PDFRawStream } from 'pdf-lib';
import { describe, expect, it } from 'vitest';
import { type LinePainter, type PdfSummary, summaryPdf } from './summary-pdf.ts';

/** 1×1 pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

const summary: PdfSummary = {
  title: 'Patient summary',
  about: ['Ada Example', 'Born May 1, 1990'],
  sections: [{ title: 'Allergies', lines: ['Nuts · since 2020'] }],
  foot: 'The file holds the same summary for computers.',
  pageText: (page, pages) => `Page ${page} of ${pages}`,
  isRightToLeft: false,
  language: 'en',
  fhirJson: '{"resourceType":"Bundle","value":1.50}',
  madeMs: Date.UTC(2026, 10, 21),
};

function recordingPainter(): LinePainter & { readonly drawn: string[] } {
  const drawn: string[] = [];
  return {
    drawn,
    width: (text, { size }) => text.length * size * 0.5,
    draw: async (text, { size }) => {
      drawn.push(text);
      return { png: PNG, width: text.length * size * 0.5, height: size };
    },
  };
}

/** What the pages show, in order, as the fonts of PDF write it. */
async function textOf(bytes: Uint8Array): Promise<string> {
  const pdf = await PDFDocument.load(bytes);
  return pdf
    .getPages()
    .map((page) => {
      const contents = page.node.Contents();
      const streams = contents === undefined ? [] : 'asArray' in contents ? contents.asArray() : [contents];
      return streams
        .map((one) => pdf.context.lookup(one) as PDFRawStream)
        .map((stream) => Buffer.from(decodePDFRawStream(stream).decode()).toString('latin1'))
        .join('\n');
    })
    .join('\n')
    .replaceAll(/<([0-9A-F]+)> Tj/g, (_all, hex: string) => Buffer.from(hex, 'hex').toString('latin1'));
}

/** The file that is attached under a name. */
async function attached(bytes: Uint8Array): Promise<string> {
  const pdf = await PDFDocument.load(bytes);
  for (const [, object] of pdf.context.enumerateIndirectObjects()) {
    const dict = (object as { readonly dict?: PDFDict }).dict;
    if (dict instanceof PDFDict && dict.get(PDFName.of('Type')) === PDFName.of('EmbeddedFile')) {
      return inflateSync((object as PDFRawStream).contents).toString();
    }
  }
  throw new Error('nothing is attached');
}

describe("the summary's PDF", () => {
  it('opens again with its title, its lines and the summary for computers inside', async () => {
    const painter = recordingPainter();
    const bytes = await summaryPdf(summary, painter);
    expect(Buffer.from(bytes.subarray(0, 5)).toString()).toBe('%PDF-');
    const text = await textOf(bytes);
    for (const line of ['Patient summary', 'Ada Example', 'Allergies', 'Nuts · since 2020', 'Page 1 of 1']) {
      expect(text).toContain(line);
    }
    expect(painter.drawn).toEqual([]);
    expect((await PDFDocument.load(bytes)).getTitle()).toBe('Patient summary');
    expect(await attached(bytes)).toBe(summary.fhirJson);
  });

  it('draws what the fonts of PDF cannot write, and nothing else', async () => {
    const painter = recordingPainter();
    const sections = [{ title: 'दवाइयाँ', lines: ['Metformin', 'أدوية 500 mg', 'GFR ≥ 60'] }];
    await summaryPdf({ ...summary, sections }, painter);
    expect(painter.drawn).toEqual(['दवाइयाँ', 'أدوية 500 mg', 'GFR ≥ 60']);
  });

  it('turns the page as often as it must and numbers all of them', async () => {
    const lines = Array.from({ length: 200 }, (_, index) => `Entry ${index} ${'word '.repeat(index % 40)}`);
    const bytes = await summaryPdf({ ...summary, sections: [{ title: 'All', lines }] }, recordingPainter());
    const pages = (await PDFDocument.load(bytes)).getPageCount();
    expect(pages).toBeGreaterThan(3);
    const text = await textOf(bytes);
    expect(text).toContain(`Page ${pages} of ${pages}`);
    expect(text).toContain('Entry 199');
  });
});
