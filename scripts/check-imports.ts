/**
 * Imports in `src/` go one way, down the table in `layers.ts`, and programs that use the package use its public names.
 * Ends with 1 and one line per import that does not.
 */
import { posix } from 'node:path'
import { type Finding, projectFiles, readText, report } from './files.ts'
import { type Layer, layers, publicUsers } from './layers.ts'

const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*(['"])(\.[^'"]+)\1/g

function layerOf(path: string): Layer | undefined {
  return layers.find(layer =>
    layer.paths.some(own => (own.endsWith('/') ? path.startsWith(`src/${own}`) : path === `src/${own}`)),
  )
}

function* importsOf(path: string): Generator<{ line: number; target: string; written: string }> {
  for (const [index, text] of readText(path).split('\n').entries()) {
    for (const match of text.matchAll(RELATIVE_IMPORT)) {
      const written = match[2] ?? ''
      const target = posix.join(posix.dirname(path), written).replace(/\.js$/, '.ts')
      yield { line: index + 1, target, written }
    }
  }
}

function check(path: string): Finding[] {
  const layer = layerOf(path)
  if (layer === undefined) {
    return [{ place: path, problem: 'belongs to no layer. Move it, or name it in scripts/layers.ts.' }]
  }
  const findings: Finding[] = []
  for (const { line, target, written } of importsOf(path)) {
    const place = `${path}:${line}`
    if (!target.startsWith('src/')) {
      findings.push({
        place,
        problem: `imports '${written}', which is outside src/ and so not in the package.`,
      })
      continue
    }
    const other = layerOf(target)
    if (other === undefined || other === layer || layer.imports.includes(other.name)) continue
    const allowed = [layer.name, ...layer.imports].join(', ')
    findings.push({
      place,
      problem: `'${layer.name}' imports '${written}' of '${other.name}'. It may import: ${allowed}.`,
    })
  }
  return findings
}

const isPublicUser = (path: string): boolean => publicUsers.some(own => path.startsWith(own))

function checkPublicUser(path: string): Finding[] {
  return [...importsOf(path)]
    .filter(({ target }) => !isPublicUser(target))
    .map(({ line, written }) => ({
      place: `${path}:${line}`,
      problem: `imports '${written}'. It uses the package as users do: by 'sluice' and 'sluice/…'.`,
    }))
}

const files = projectFiles('src/*.ts', 'src/**/*.ts')
const users = projectFiles('cluster/**/*.ts').filter(isPublicUser)
report('imports', `${files.length + users.length} files`, [
  ...files.flatMap(check),
  ...users.flatMap(checkPublicUser),
])
