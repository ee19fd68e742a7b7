import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const lua = fileURLToPath(new URL('../../lua/', import.meta.url))

type Json = Record<string, unknown>

/** A copy of a release that a test may spoil. */
export interface ReleaseFolder {
  readonly path: string
  /** Changes a file and leaves the manifest as it is: what a tampered release looks like. */
  tamper(file: string, change: (text: string) => string): void
  /** Changes a file and its digests in the manifest: what a release that was built so looks like. */
  rebuild(file: string, change: (text: string) => string): void
  manifest(change: (manifest: Json) => void): void
  /** Says that the examples were made for the script as it is now, whether or not they were. */
  vouch(): void
  remove(): void
}

/** @param release below `lua/`; default: `lua` itself */
export function copyRelease(release = '.'): ReleaseFolder {
  const path = mkdtempSync(join(tmpdir(), 'sluice-release-'))
  mkdirSync(join(path, 'dist'), { recursive: true })
  const source = join(lua, release)
  const manifest = readFileSync(join(source, 'manifest.json'), 'utf8')
  for (const file of [
    'manifest.json',
    'dist',
    ...('golden' in JSON.parse(manifest) ? ['golden.json'] : []),
  ]) {
    cpSync(join(source, file), join(path, file), { recursive: true })
  }
  const edit = (file: string, change: (text: string) => string): string => {
    const text = change(readFileSync(join(path, file), 'utf8'))
    writeFileSync(join(path, file), text)
    return text
  }
  const editManifest = (change: (manifest: Json) => void) =>
    edit('manifest.json', text => {
      const read = JSON.parse(text)
      change(read)
      return JSON.stringify(read)
    })
  return {
    path,
    tamper: edit,
    rebuild(file, change) {
      const text = edit(file, change)
      const digest = (algorithm: string) => createHash(algorithm).update(text).digest('hex')
      const digests = { sha1: digest('sha1'), sha256: digest('sha256'), bytes: Buffer.byteLength(text) }
      editManifest(manifest => {
        const script = /^dist\/(.*)\.lua$/.exec(file)?.[1]
        const entry =
          script === undefined
            ? manifest.golden
            : script === 'functions'
              ? manifest.functions
              : (manifest.scripts as Json)[script]
        Object.assign(entry as Json, digests)
      })
    },
    manifest: editManifest,
    vouch: () =>
      void editManifest(({ golden, scripts }) => {
        const { decide } = scripts as { decide: { sha256: string } }
        Object.assign(golden as Json, { decide: decide.sha256 })
      }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}
