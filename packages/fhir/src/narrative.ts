/**
 * The XHTML of a narrative (R4 §2.4.0, invariants txt-1 and txt-2): basic formatting only, no scripts, no event
 * handlers, no forms, no external content but links and images. A browser shows it beside other people's data, so
 * everything that is not listed here is refused.
 */
const ELEMENTS: ReadonlySet<string> = new Set(
  (
    'div p span br hr b i u s em strong small big tt sub sup abbr acronym cite code dfn kbd samp var q blockquote pre ' +
    'address bdo ul ol li dl dt dd h1 h2 h3 h4 h5 h6 a img map area table caption colgroup col thead tfoot tbody tr ' +
    'th td ins del'
  ).split(' '),
);

const ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    'xmlns xml:lang xml:space lang title style class id dir href name rel rev hreflang charset type target src alt ' +
    'longdesc height width usemap ismap shape coords nohref align valign border cellpadding cellspacing frame rules ' +
    'summary abbr axis headers scope rowspan colspan nowrap char charoff span bgcolor start value compact cite ' +
    'datetime size noshade clear accesskey tabindex'
  ).split(' '),
);

/** XHTML 1.0 names some 250 entities, but a JSON string needs only XML's own; `&nbsp;` is what generators emit. */
const ENTITY = /^&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});/;
const TAG = /<(\/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z_:][A-Za-z0-9_:.-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const ATTRIBUTE = /([A-Za-z_:][A-Za-z0-9_:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const URL_ATTRIBUTES: ReadonlySet<string> = new Set(['href', 'src', 'longdesc', 'cite', 'usemap']);
const SAFE_URL = /^(?:https?:|mailto:|tel:|urn:|#|[^:]*$|[^:]*[/?#])/i;
const SAFE_IMAGE_DATA = /^data:image\/(?:png|jpeg|gif);base64,/i;
/** Style sheets can fetch (`url(…)`, `@import`) and, in old browsers, run (`expression(…)`, `behavior`). */
const UNSAFE_STYLE = /url\s*\(|expression\s*\(|@import|behavior\s*:|\\|\/\*/i;
/** What publishers' tables have as background: an image that is there already, or a file beside the page. */
const SAFE_STYLE_URL =
  /url\(\s*(?:data:\s?image\/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=]*|[A-Za-z0-9_-]{1,64}\.(?:png|gif|jpg))\s*\)/gi;

/** Elements inside each other. */
export const NARRATIVE_DEPTH_MAX = 64;

/** What is wrong with a narrative's `div`, in words without its content; `undefined` if it may be shown. */
export function narrativeFault(div: string): string | undefined {
  const open: string[] = [];
  let content = false;
  let at = 0;
  while (at < div.length) {
    const character = div[at];
    if (character === '<') {
      if (div.startsWith('<!--', at)) {
        const end = div.indexOf('--', at + 4);
        if (end < 0 || div[end + 2] !== '>') return 'the narrative has a comment that does not end';
        at = end + 3;
        continue;
      }
      TAG.lastIndex = at;
      const tag = TAG.exec(div);
      if (tag === null) return 'the narrative holds something that is no XHTML tag';
      const fault = tagFault(tag, open, at);
      if (fault !== undefined) return fault;
      if (tag[2] === 'img') content = true;
      at = TAG.lastIndex;
      if (open.length === 0 && div.slice(at).trim() !== '') return 'the narrative goes on after its div';
    } else if (open.length === 0) {
      if (!/\s/.test(character ?? '')) return 'the narrative must be one div';
      at++;
    } else if (character === '&') {
      const entity = ENTITY.exec(div.slice(at, at + 12))?.[0];
      if (entity === undefined) return 'the narrative holds an entity that XML does not know';
      content = true;
      at += entity.length;
    } else {
      let end = at + 1;
      while (end < div.length && div[end] !== '<' && div[end] !== '&') end++;
      content ||= div.slice(at, end).trim() !== '';
      at = end;
    }
  }
  if (open.length > 0) return 'the narrative has an element that is not closed';
  return content ? undefined : 'the narrative must have some content';
}

function tagFault(tag: RegExpExecArray, open: string[], at: number): string | undefined {
  const [, closing, name = '', attributes = '', selfClosing] = tag;
  if (!ELEMENTS.has(name)) return 'the narrative holds an element that is not allowed';
  if (open.length === 0 && (name !== 'div' || closing === '/')) return 'the narrative must be one div';
  if (closing === '/') {
    return open.pop() === name && attributes === '' && selfClosing === ''
      ? undefined
      : 'the narrative has elements that are not closed in order';
  }
  if (open.length >= NARRATIVE_DEPTH_MAX) return 'the narrative is nested too deep';
  if (selfClosing === '') open.push(name);
  else if (at === 0) return 'the narrative must have some content';
  return attributesFault(name, attributes);
}

function attributesFault(element: string, attributes: string): string | undefined {
  for (const [, name = '', double, single] of attributes.matchAll(ATTRIBUTE)) {
    const value = double ?? single ?? '';
    if (!ATTRIBUTES.has(name) && !name.startsWith('xmlns:'))
      return 'the narrative holds an attribute that is not allowed';
    if (URL_ATTRIBUTES.has(name) && !safeUrl(element, value)) return 'the narrative holds a link that is not allowed';
    if (name === 'style' && UNSAFE_STYLE.test(value.replace(SAFE_STYLE_URL, ''))) {
      return 'the narrative holds a style that is not allowed';
    }
  }
  return undefined;
}

/** Browsers drop control characters and decode entities before they read a scheme: neither may hide one. */
function safeUrl(element: string, value: string): boolean {
  // The tables of HL7's own publications have images with this space.
  const text = value.trim().replace(/^data: image/, 'data:image');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0020]/.test(text) || /&(?!amp;)/.test(text)) return false;
  return SAFE_URL.test(text) || (element === 'img' && SAFE_IMAGE_DATA.test(text));
}
