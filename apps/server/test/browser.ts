import { ask, type HttpAnswer } from './smart-hospital.ts';

const REDIRECTS_MAX = 10;

/** As much of a browser as a log-in needs: it keeps cookies by path, follows redirects and sends forms. */
export interface Browser {
  /** Follows redirects until a page comes, or until one leads to an address that begins with `until`. */
  open(url: string, until: string): Promise<Visit>;
  submit(url: string, form: Record<string, string>, until: string): Promise<Visit>;
}

export interface Visit {
  readonly url: string;
  /** Absent where the browser left for `until`. */
  readonly answer?: HttpAnswer;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

export function openBrowser(): Browser {
  const cookies: Cookie[] = [];
  const send = async (url: string, init: RequestInit): Promise<HttpAnswer> => {
    const { pathname } = new URL(url);
    const sent = cookies.filter(({ path }) => pathname.startsWith(path)).map(({ name, value }) => `${name}=${value}`);
    const answer = await ask(url, { ...init, headers: { accept: 'text/html', cookie: sent.join('; ') } });
    for (const line of answer.headers.getSetCookie()) keep(cookies, line);
    return answer;
  };
  const follow = async (first: string, init: RequestInit, until: string): Promise<Visit> => {
    let url = first;
    let next = init;
    for (let count = 0; count < REDIRECTS_MAX; count += 1) {
      const answer = await send(url, next);
      const location = answer.headers.get('location');
      if (location === null) return { url, answer };
      url = new URL(location, url).href;
      next = {};
      if (url.startsWith(until)) return { url };
    }
    throw new Error('too many redirects');
  };
  return {
    open: (url, until) => follow(url, {}, until),
    submit: (url, form, until) => follow(url, { method: 'POST', body: new URLSearchParams(form) }, until),
  };
}

function keep(cookies: Cookie[], line: string): void {
  const [pair = '', ...attributes] = line.split(/; */);
  const [name = '', value = ''] = pair.split(/=(.*)/s);
  const path = attributes.find((attribute) => attribute.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
  const known = cookies.findIndex((cookie) => cookie.name === name && cookie.path === path);
  if (known >= 0) cookies.splice(known, 1);
  if (value !== '') cookies.push({ name, value, path });
}
