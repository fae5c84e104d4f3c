// Which handler answers which method.

import { codecsOf } from './codec.js';
import { methodId } from './header.js';

export const RouteKind = Object.freeze({ Unary: 'unary', ServerStream: 'server stream', ClientStream: 'client stream', BothWays: 'both ways' });

class Route {
  constructor(kind, handler, options = {}) {
    if (typeof handler !== 'function') throw new TypeError('a handler is a function');
    this.kind = kind;
    this.handler = handler;
    this.options = options;
  }
}

/** handler(request, context) returns the response, or a promise of it. */
export const unary = (handler, options) => new Route(RouteKind.Unary, handler, options);

/** handler(request, context) returns an iterable of items, async or not, or a promise of one. */
export const serverStream = (handler, options) => new Route(RouteKind.ServerStream, handler, options);

/** handler(request, items, context) takes a ReadableStream and returns the response, or a promise of it. */
export const clientStream = (handler, options) => new Route(RouteKind.ClientStream, handler, options);

/** handler(request, items, context) takes a ReadableStream and returns an iterable of items. */
export const bothWays = (handler, options) => new Route(RouteKind.BothWays, handler, options);

/**
 * Returns the routes by method id. A handler that is a plain function answers
 * unary calls.
 * @param {Record<string, Function | Route>} handlers by name of the method
 */
export function routesOf(handlers = {}, codec = undefined) {
  const routes = new Map();
  for (const [name, handler] of Object.entries(handlers)) {
    const route = handler instanceof Route ? handler : unary(handler);
    const id = methodId(name);
    if (routes.has(id)) throw new Error(`the methods ${routes.get(id).name} and ${name} have the same id`);
    routes.set(id, { name, kind: route.kind, handler: route.handler, codecs: codecsOf(route.options, codec) });
  }
  return routes;
}
