/** The store that the plugin uses when it is given none: part of the package, without types of its own. */
declare module '@fastify/rate-limit/store/LocalStore.js' {
  export default class LocalStore {
    /** @param cache most keys held */
    constructor(continueExceeding: boolean, exponentialBackoff: boolean, cache: number)
    incr(
      key: string,
      callback: (error: unknown, result: { current: number }) => void,
      windowMs: number,
      limit: number,
    ): void
  }
}
