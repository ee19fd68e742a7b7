import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

/** The engine that runs the containers of this run, or why there is none. */
export type DockerForTests =
  | {
      readonly available: true
      /** As DOCKER_HOST. */
      readonly host: string
      /** Label of everything this run makes: what still has it in the end is removed. */
      readonly run: string
      /** Whether it was started for this run, on this machine, and ends with it. */
      readonly own: boolean
      /** Whether images come from a registry, and so the one of testcontainers' own cleaner, too. */
      readonly registry: boolean
    }
  | { readonly available: false; readonly reason: string }

declare module 'vitest' {
  export interface ProvidedContext {
    docker: DockerForTests
    /** Images of the servers to test, in order. */
    serverImages: readonly string[]
  }
}

const PUBLIC_IMAGES = 'redis:7.0,redis:8.0,valkey/valkey:8.1,valkey/valkey:9.1'
const SERVER_IMAGES = fileURLToPath(new URL('../../scripts/server-images', import.meta.url))
const DOCKER_ENGINE = fileURLToPath(new URL('../../scripts/docker-engine', import.meta.url))

const run = promisify(execFile)
let engine: ChildProcess | undefined

/** A missing engine or image skips these tests, loudly; in CI, which is to have both, it fails the run. */
export async function setup(project: TestProject): Promise<void> {
  const images = readImages(process.env.SLUICE_TEST_IMAGES ?? PUBLIC_IMAGES)
  const docker = await findDocker(images).catch((error: Error) => ({
    available: false as const,
    reason: error.message,
  }))
  if (!docker.available) {
    await teardown()
    if (process.env.CI === 'true')
      throw new Error(`CI runs the tests in containers, and cannot: ${docker.reason}`)
    console.error(`\nTHE TESTS IN CONTAINERS ARE SKIPPED: ${docker.reason}\n`)
  }
  project.provide('docker', docker)
  project.provide('serverImages', images)
}

function readImages(names: string): readonly string[] {
  const images = new Set(names.split(',').map(name => name.trim()))
  if (!images.has('')) return [...images]
  throw new Error(`SLUICE_TEST_IMAGES is '${names}': give names of images, as in ${PUBLIC_IMAGES}`)
}

export async function teardown(): Promise<void> {
  const ending = engine
  engine = undefined
  if (ending === undefined || ending.exitCode !== null) return
  const ended = new Promise(resolve => ending.once('exit', resolve))
  ending.stdin?.end()
  await ended
}

async function findDocker(images: readonly string[]): Promise<DockerForTests> {
  const id = randomUUID()
  // In a process group of its own: a kill of ours must not reach it but through its input, so that it can clean up.
  engine = spawn(DOCKER_ENGINE, [id], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
  const [state, rest = ''] = (await firstLine(engine)).split(/ (.*)/)
  if (state !== 'found' && state !== 'started') return { available: false, reason: rest }

  const env = { ...process.env, DOCKER_HOST: rest }
  await run(SERVER_IMAGES, images, { env }).catch((error: { stderr: string }) => {
    throw new Error(error.stderr.trim())
  })
  const { stdout } = await run(
    'docker',
    ['image', 'ls', '--quiet', '--filter', 'label=sluice.made-from=debian'],
    { env },
  )
  return { available: true, host: rest, run: id, own: state === 'started', registry: stdout === '' }
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new TypeError('the engine has no output')
  for await (const line of createInterface({ input: stdout })) return line
  throw new Error(`${DOCKER_ENGINE} ended without a word`)
}
