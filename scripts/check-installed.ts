/**
 * Ends with 0 when node_modules holds exactly what package-lock.json names, 1 otherwise. Compares npm's own record
 * of what it installed, so that `npm ci`, `npm install` and an interrupted install are all told apart.
 */
import { readFileSync } from 'node:fs'

interface LockFile {
  packages: Record<string, { version?: string; optional?: boolean }>
}

function read(path: string): LockFile['packages'] | undefined {
  try {
    return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as LockFile).packages
  } catch {
    return undefined
  }
}

const wanted = read('../package-lock.json')
const installed = read('../node_modules/.package-lock.json')

const complete =
  wanted !== undefined &&
  installed !== undefined &&
  Object.entries(wanted).every(([path, { version, optional }]) => {
    const found = installed[path]
    // '' is the project itself; binaries of other platforms are optional and stay away.
    return path === '' || (found === undefined ? optional === true : found.version === version)
  })

process.exitCode = complete ? 0 : 1
