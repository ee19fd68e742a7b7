/**
 * `text.charCodeAt(i)`. Strings have many shapes inside (whole, joined, cut out, …), and where a piece of code has met
 * more than four of them V8 looks the method up anew each time, which takes several times as long as the method itself.
 */
export const codeAt: (text: string, i: number) => number = Function.prototype.call.bind(
  String.prototype.charCodeAt,
)

/** Strings shorter than this are never views into other strings in V8. */
const VIEW_LENGTH_MIN = 13

/** A string of its own: what was cut out of a log line or a header would keep all of that in memory. */
export const ownCopy = (text: string): string =>
  text.length < VIEW_LENGTH_MIN ? text : Buffer.from(text).toString()
