import { PDFDocument, type PDFFont, type PDFPage, rgb, StandardFonts } from 'pdf-lib';

/** A4 in points. */
const PAGE = { width: 595, height: 842, margin: 50 } as const;
const LEADING = 1.35;
const INK = rgb(0.07, 0.1, 0.1);
const SIZES = { title: 20, heading: 13, text: 10.5, small: 8.5 } as const;

/** A line that the fonts of PDF cannot write (they know western letters only), drawn by the browser: PNG, sizes in points. */
export interface DrawnLine {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface LineStyle {
  readonly size: number;
  readonly isBold: boolean;
}

export interface PdfSummary {
  readonly title: string;
  /** Whose it is, from when and where: a line each. */
  readonly about: readonly string[];
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  readonly foot: string;
  /** `Page 2 of 3`. */
  pageText(page: number, pages: number): string;
  readonly isRightToLeft: boolean;
  readonly language: string;
  /** The same for computers: FHIR JSON, attached to the file. */
  readonly fhirJson: string;
  readonly madeMs: number;
}

/** How wide a text is and how it looks, where the fonts of PDF do not know its letters. */
export interface LinePainter {
  width(text: string, style: LineStyle): number;
  draw(text: string, style: LineStyle): Promise<DrawnLine>;
}

/**
 * The summary as PDF 1.7. Western letters are text; lines in other scripts are drawn by `painter`, because shaping them
 * takes what the browser has and pdf-lib has not.
 */
export async function summaryPdf(summary: PdfSummary, painter: LinePainter): Promise<Uint8Array> {
  const pdf = await PDFDocument.create();
  pdf.setTitle(summary.title);
  pdf.setLanguage(summary.language);
  pdf.setCreationDate(new Date(summary.madeMs));
  pdf.setProducer('Salus');
  const writer = new Writer(pdf, painter, {
    plain: await pdf.embedFont(StandardFonts.Helvetica),
    bold: await pdf.embedFont(StandardFonts.HelveticaBold),
    isRightToLeft: summary.isRightToLeft,
  });
  await writer.paragraph(summary.title, { size: SIZES.title, isBold: true });
  for (const line of summary.about) await writer.paragraph(line, { size: SIZES.text, isBold: false });
  for (const { title, lines } of summary.sections) {
    writer.space(SIZES.heading);
    await writer.paragraph(title, { size: SIZES.heading, isBold: true }, SIZES.text * 3);
    for (const line of lines) await writer.paragraph(line, { size: SIZES.text, isBold: false }, 0, '• ');
  }
  writer.space(SIZES.heading);
  await writer.paragraph(summary.foot, { size: SIZES.small, isBold: false });
  await writer.number(summary.pageText);
  const date = new Date(summary.madeMs);
  await pdf.attach(new TextEncoder().encode(summary.fhirJson), 'patient-summary.json', {
    mimeType: 'application/fhir+json',
    description: summary.title,
    creationDate: date,
    modificationDate: date,
  });
  return pdf.save();
}

interface Fonts {
  readonly plain: PDFFont;
  readonly bold: PDFFont;
  readonly isRightToLeft: boolean;
}

/** Writes lines below each other and turns the page; a class because the place on the page moves. */
class Writer {
  readonly #pdf: PDFDocument;
  readonly #painter: LinePainter;
  readonly #fonts: Fonts;
  #page: PDFPage;
  #y: number = PAGE.height - PAGE.margin;

  constructor(pdf: PDFDocument, painter: LinePainter, fonts: Fonts) {
    this.#pdf = pdf;
    this.#painter = painter;
    this.#fonts = fonts;
    this.#page = pdf.addPage([PAGE.width, PAGE.height]);
  }

  space(points: number): void {
    this.#y -= points;
  }

  /** @param room that must be left below it: a heading does not stand alone at the foot of a page. */
  async paragraph(text: string, style: LineStyle, room = 0, mark = ''): Promise<void> {
    const indent = mark === '' ? 0 : style.size;
    const width = PAGE.width - 2 * PAGE.margin - indent;
    for (const [index, line] of this.#wrap(text, style, width).entries()) {
      const height = style.size * LEADING;
      if (this.#y - height - room < PAGE.margin) this.#turn();
      this.#y -= height;
      if (index === 0 && mark !== '') await this.#write(mark, style, 0);
      await this.#write(line, style, indent);
    }
  }

  async number(text: (page: number, pages: number) => string): Promise<void> {
    const pages = this.#pdf.getPages();
    for (const [index, page] of pages.entries()) {
      this.#page = page;
      this.#y = PAGE.margin / 2;
      await this.#write(text(index + 1, pages.length), { size: SIZES.small, isBold: false }, 0);
    }
  }

  #turn(): void {
    this.#page = this.#pdf.addPage([PAGE.width, PAGE.height]);
    this.#y = PAGE.height - PAGE.margin;
  }

  async #write(text: string, style: LineStyle, indent: number): Promise<void> {
    const font = this.#fontOf(text, style);
    const drawn = font === undefined ? await this.#painter.draw(text, style) : undefined;
    const width = drawn?.width ?? font?.widthOfTextAtSize(text, style.size) ?? 0;
    const start = PAGE.margin + indent;
    const x = this.#fonts.isRightToLeft ? PAGE.width - start - width : start;
    if (font !== undefined) this.#page.drawText(text, { x, y: this.#y, size: style.size, font, color: INK });
    if (drawn !== undefined) {
      const image = await this.#pdf.embedPng(drawn.png);
      const { height } = drawn;
      this.#page.drawImage(image, { x, y: this.#y - (height - style.size) / 2, width: drawn.width, height });
    }
  }

  /** The font, when it knows every letter; pdf-lib throws for those that it does not. */
  #fontOf(text: string, { isBold }: LineStyle): PDFFont | undefined {
    const font = isBold ? this.#fonts.bold : this.#fonts.plain;
    const known = new Set(font.getCharacterSet());
    return [...text].every((letter) => known.has(letter.codePointAt(0)!)) ? font : undefined;
  }

  #wrap(text: string, style: LineStyle, width: number): readonly string[] {
    return text.split('\n').flatMap((line) => this.#wrapLine(line, style, width));
  }

  #wrapLine(text: string, style: LineStyle, width: number): readonly string[] {
    const lines: string[] = [];
    let line = '';
    for (const word of text.split(/[\t ]+/)) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && this.#width(longer, style) > width) {
        lines.push(line);
        line = word;
      } else line = longer;
    }
    return [...lines, line];
  }

  #width(text: string, style: LineStyle): number {
    return this.#fontOf(text, style)?.widthOfTextAtSize(text, style.size) ?? this.#painter.width(text, style);
  }
}
