import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { narrativeFault } from './narrative.ts';

describe('narrativeFault', () => {
  it.each([
    '<div xmlns="http://www.w3.org/1999/xhtml">text</div>',
    '<div style="background:url(data: image/png;base64,iVBO)"><p style="background-image: url(tbl_bck1.png)">a</p></div>',
    ' <div><p class="a" style="color:red">a &amp; b &lt; c &#169; &#xA9; &nbsp;</p><br/><hr /><!-- x --><img src="#a" alt="b"/></div> ',
    '<div><a href="https://example.org/?a=1&amp;b=2">x</a><a href="Patient/1">y</a><a href="#n" name="n">z</a></div>',
    '<div><img src="data:image/png;base64,AAAA"/></div>',
    "<div><table><tbody><tr><td colspan='2'>x</td></tr></tbody></table></div>",
  ])('accepts %s', (div) => {
    expect(narrativeFault(div)).toBeUndefined();
  });

  it.each([
    ['a script', '<div><script>alert(1)</script></div>'],
    ['an upper-case script', '<div><SCRIPT>alert(1)</SCRIPT></div>'],
    ['an event handler', '<div onclick="x()">x</div>'],
    ['an event handler of an image', '<div><img src="#" onerror="x()"/></div>'],
    ['a frame', '<div><iframe src="https://example.org"></iframe></div>'],
    ['a form', '<div><form action="x"><input/></form></div>'],
    ['vector graphics', '<div><svg onload="x()"/></div>'],
    ['a script link', '<div><a href="javascript:x()">x</a></div>'],
    ['a script link in capitals', '<div><a href=" JavaScript:x()">x</a></div>'],
    ['a script link behind an entity', '<div><a href="&#106;avascript:x()">x</a></div>'],
    ['a script link behind a tab', '<div><a href="java\tscript:x()">x</a></div>'],
    ['a data link', '<div><a href="data:text/html,x">x</a></div>'],
    ['vector graphics as data', '<div><img src="data:image/svg+xml;base64,AAAA"/></div>'],
    ['a fetching style', '<div style="background:url(https://example.org)">x</div>'],
    ['a style that fetches behind an image', '<div style="a:url(x.png);b:url(//example.org)">x</div>'],
    ['an escaped style', '<div style="background:u\\72l(x)">x</div>'],
    ['an attribute without quotes', '<div class=a>x</div>'],
    ['an attribute without value', '<div hidden>x</div>'],
    ['a processing instruction', '<div><?x?>x</div>'],
    ['a document type', '<!DOCTYPE x><div>x</div>'],
    ['CDATA', '<div><![CDATA[x]]></div>'],
    ['an unknown entity', '<div>&reg;</div>'],
    ['a bare ampersand', '<div>a & b</div>'],
    ['an open element', '<div><p>x</div>'],
    ['no end', '<div>x'],
    ['a wrong order', '<div><b><i>x</b></i></div>'],
    ['another root', '<p>x</p>'],
    ['two roots', '<div>x</div><div>y</div>'],
    ['text around', 'x<div>y</div>'],
    ['text after', '<div>y</div>x'],
    ['only an end', '</div>'],
    ['nothing inside', '<div> </div>'],
    ['an empty root', '<div/>'],
    ['nothing', ''],
    ['plain text', 'x'],
    ['an open comment', '<div>x<!-- </div>'],
    ['a comment with two hyphens', '<div>x<!-- -- --></div>'],
    ['great depth', `<div>${'<b>'.repeat(100)}x${'</b>'.repeat(100)}</div>`],
    ['an unclosed tag', '<div><a href="x</div>'],
  ])('refuses %s', (_, div) => {
    expect(narrativeFault(div)).toBeTypeOf('string');
  });

  it('answers any text, and lets no angle bracket through that it did not read as an allowed tag', () => {
    const part = fc.constantFrom(
      '<div>',
      '</div>',
      '<script>',
      '<b',
      '>',
      '<',
      '/',
      ' onclick="x"',
      '&lt;',
      '&',
      'x',
      '<!--',
      '-->',
      '"',
      "'",
      '=',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const div = `<div>${parts.join('')}</div>`;
        if (narrativeFault(div) === undefined) {
          const rest = div.replaceAll(/<!--.*?-->/gs, '').replaceAll(/<\/?(?:div|b)\s*\/?>/g, '');
          expect(rest).not.toMatch(/[<]/);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes time in proportion to its length', () => {
    const startMs = performance.now();
    for (const unit of [' ', ' a="', " a='b'", '<', '<b>', '&', 'a', ' a=']) {
      narrativeFault(`<div${unit.repeat(50_000)}`);
      narrativeFault(`<div>${unit.repeat(50_000)}`);
    }
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});
