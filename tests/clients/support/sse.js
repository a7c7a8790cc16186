// Server-Sent Events with nothing automatic about them.

/** A GraphQL request that accepts an event stream. */
export function request(url, method, params, signal, headers = {}) {
  const accept = { accept: 'text/event-stream', ...headers };
  if (method === 'POST') {
    const body = JSON.stringify(params);
    return fetch(url, { method, signal, headers: { 'content-type': 'application/json', ...accept }, body });
  }
  const target = new URL(url);
  for (const [name, value] of Object.entries(params)) {
    target.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return fetch(target, { method, signal, headers: accept });
}

/** The events of a response as they come; comments are left out. */
export async function* events(response) {
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = eventOf(text.slice(0, end));
      if (event) yield event;
    }
  }
}

function eventOf(block) {
  const event = {};
  for (const line of block.split('\n')) {
    const [, field, value] = line.match(/^([^:]*)(?:: ?(.*))?$/);
    if (field === 'data' && event.data !== undefined) event.data += `\n${value}`;
    else if (field) event[field] = value ?? '';
  }
  return Object.keys(event).length > 0 ? event : undefined;
}
