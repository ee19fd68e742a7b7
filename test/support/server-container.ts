import { GenericContainer, Network, type StartedNetwork, Wait } from 'testcontainers'
import { inject } from 'vitest'

const PORT = 6379
const START_TIMEOUT_MS = 60_000

/** Whether there is an engine to run containers; `describe.skipIf(!hasDocker())` counts what cannot be tested. */
export const hasDocker = (): boolean => inject('docker').available

/** A server of an image, from a network that the test and other servers reach. */
export interface ServerContainer {
  readonly image: string
  /** `redis://host:port`, for this process. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** Where other servers of the network reach it. */
  readonly addressInNetwork: { readonly host: string; readonly port: number }
  /** What the server has written so far. */
  log(): string
  /** Removes it. May be called twice. */
  stop(): Promise<void>
}

/** Servers of a test file, on a network of their own. */
export class ServerContainers {
  #network: Promise<StartedNetwork> | undefined
  readonly #started: ServerContainer[] = []

  /** @param args after the ones every test has: nothing is kept on disk */
  async start(image: string, args: readonly string[] = []): Promise<ServerContainer> {
    const { run } = useDocker()
    this.#network ??= new Network().start()
    const network = await this.#network
    let log = ''
    const container = await new GenericContainer(image)
      .withLabels({ 'sluice.run': run })
      .withNetwork(network)
      .withExposedPorts(PORT)
      .withCommand(['--save', '', '--appendonly', 'no', ...args])
      .withLogConsumer(stream => stream.on('data', (chunk: Buffer | string) => (log += String(chunk))))
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
      .withStartupTimeout(START_TIMEOUT_MS)
      .start()
    const host = container.getHost()
    const port = container.getMappedPort(PORT)
    let stopped: Promise<unknown> | undefined
    const server = {
      image,
      url: `redis://${host}:${port}`,
      host,
      port,
      addressInNetwork: { host: container.getIpAddress(network.getName()), port: PORT },
      log: () => log,
      async stop() {
        stopped ??= container.stop({ remove: true, removeVolumes: true, timeout: 0 })
        await stopped
      },
    }
    this.#started.push(server)
    return server
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.splice(0).map(server => server.stop()))
    await (await this.#network)?.stop()
    this.#network = undefined
  }
}

/** Points testcontainers, which reads its environment when it is first used, to the engine of this run. */
function useDocker() {
  const docker = inject('docker')
  if (!docker.available) throw new Error(docker.reason)
  process.env.DOCKER_HOST = docker.host
  if (docker.own) process.env.TESTCONTAINERS_HOST_OVERRIDE = '127.0.0.1'
  if (docker.own || !docker.registry) process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
  return docker
}
