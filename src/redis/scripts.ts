import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ScriptingError } from '../errors.js'
import { type RedisClient, type ScriptArg, ServerError } from './redis-client.js'

/** `lua/` of the package: the sources and the built files that read it stand two folders below the root. */
const LUA_FOLDER = new URL('../../lua/', import.meta.url)

const ScriptManifest = z.object({ sha1: z.string().regex(/^[0-9a-f]{40}$/) })
const Manifest = z.object({
  wireVersion: z.literal(1),
  stateVersion: z.literal(1),
  scripts: z.object({ decide: ScriptManifest, inspect: ScriptManifest }),
})

export interface Script {
  readonly name: string
  readonly source: string
  /** By which servers know it: lower-case hex. */
  readonly sha1: string
}

export interface Scripts {
  readonly decide: Script
  readonly inspect: Script
}

/**
 * Reads the scripts of this package.
 *
 * @param folder where `manifest.json` and `dist/` are
 * @throws ScriptingError when a file is missing or is not the one the manifest describes
 */
export function loadScripts(folder: URL = LUA_FOLDER): Scripts {
  const manifest = Manifest.safeParse(JSON.parse(read(folder, 'manifest.json')))
  if (!manifest.success) {
    throw new ScriptingError(
      `${folder.pathname}manifest.json is not one of this version:\n${z.prettifyError(manifest.error)}`,
    )
  }
  const load = (name: keyof Scripts): Script => {
    const source = read(folder, `dist/${name}.lua`)
    const sha1 = createHash('sha1').update(source).digest('hex')
    if (sha1 !== manifest.data.scripts[name].sha1) {
      throw new ScriptingError(
        `${folder.pathname}dist/${name}.lua was changed: its SHA-1 is ${sha1}, and ` +
          `${manifest.data.scripts[name].sha1} in manifest.json; install the package anew`,
      )
    }
    return { name, source, sha1 }
  }
  return { decide: load('decide'), inspect: load('inspect') }
}

function read(folder: URL, path: string): string {
  try {
    return readFileSync(new URL(path, folder), 'utf8')
  } catch (cause) {
    throw new ScriptingError(
      `cannot read ${folder.pathname}${path}; the package must be installed with its 'lua' folder: ` +
        `a bundler has to leave 'sluice' external`,
      { cause },
    )
  }
}

/**
 * Runs a script by its digest; where the server does not know it (SCRIPT FLUSH, a restart, a failover), the same call
 * once more by its source. NOSCRIPT is the one error after which nothing can have been executed, so nothing is
 * charged twice.
 */
export function runScript(
  client: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly ScriptArg[],
): Promise<unknown> {
  return client.evaluate('evalsha', script.sha1, keys, args).catch(error => {
    if (error instanceof ServerError && error.kind === 'NOSCRIPT') {
      return client.evaluate('eval', script.source, keys, args)
    }
    throw error
  })
}
