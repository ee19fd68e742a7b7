/**
 * Builds the package: `dist/esm` and `dist/cjs`, each with JavaScript and types. Every file of JavaScript stands two
 * folders below the root, as the sources that read `lua/` do, so that the same relative address finds it from all
 * three places (docs/adr/0001-package-layout.md).
 */
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'rolldown'
import { entries, OLDEST_TARGET } from './entries.ts'
import { root } from './files.ts'

process.chdir(root)
rmSync('dist', { recursive: true, force: true })

for (const format of ['esm', 'cjs'] as const) {
  const { cli, ...libraries } = entries
  await build({
    // The command line runs by itself, so nothing ever requires it.
    input: format === 'esm' ? { ...libraries, cli } : libraries,
    platform: 'node',
    transform: { target: OLDEST_TARGET },
    // Dependencies are installed beside the package, never copied into it.
    external: id => !/^[./]/.test(id),
    onLog(level, log) {
      if (level === 'warn') throw new Error(`the bundler warns: ${log.message}`)
    },
    output: {
      dir: `dist/${format}`,
      format,
      entryFileNames: '[name].js',
      chunkFileNames: 'chunk-[hash].js',
      exports: 'named',
    },
  })
}

const tsc = join(root, 'node_modules/typescript/bin/tsc')
const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: ['ignore', 2, 2] })
if (types.status !== 0) process.exit(1)

// The same types serve both module systems; the nearest package.json says which one a file is of.
cpSync('dist/esm', 'dist/cjs', {
  recursive: true,
  filter: path => !path.endsWith('.js'),
})
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n')
