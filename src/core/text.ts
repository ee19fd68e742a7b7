/**
 * `text.charCodeAt(i)`. Strings have many shapes inside (whole, joined, cut out, …), and where a piece of code has met
 * more than four of them V8 looks the method up anew each time, which takes several times as long as the method itself.
 */
export const codeAt: (text: string, i: number) => number = Function.prototype.call.bind(
  String.prototype.charCodeAt,
)
