/**
 * Lets Node run the sources as they are: `node --import ./scripts/run-source.ts FILE.ts`. Node strips the types by
 * itself; what it does not do is find `./x.ts` where an import says `./x.js`, and the package by its own name where
 * nothing is built.
 */
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { publicModules } from './entries.ts'

const root = new URL('../', import.meta.url)

registerHooks({
  resolve(specifier, context, nextResolve) {
    const own = publicModules[specifier]
    if (own !== undefined) return nextResolve(new URL(own, root).href, context)
    if (/^\.\.?\/.*\.js$/.test(specifier) && context.parentURL?.startsWith(root.href)) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL)
      if (existsSync(source)) return nextResolve(source.href, context)
    }
    return nextResolve(specifier, context)
  },
})
