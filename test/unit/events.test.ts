import { describe, expect, it, vi } from 'vitest'
import { Events } from '../../src/events.js'
import { createTestLimiter } from '../../src/testing/index.js'

describe('events of a limiter', () => {
  it('tell of decisions, by call, policy and subject', async () => {
    const { limiter } = createTestLimiter({ policies: { perUser: '1/m' } })
    const heard: unknown[] = []
    limiter.on('decision', ({ call, asked, decision }) => heard.push([call, asked, decision.allowed]))
    limiter.checkSync('perUser', 'ada')
    await limiter.check('perUser', 'ada')
    await limiter.peek('perUser', 'bob')
    expect(heard).toEqual([
      ['check', [{ policy: 'perUser', subject: 'ada' }], true],
      ['check', [{ policy: 'perUser', subject: 'ada' }], false],
      ['peek', [{ policy: 'perUser', subject: 'bob' }], true],
    ])
  })

  it('are told where there is no such event, or no listener', async () => {
    const { limiter } = createTestLimiter({ policies: { perUser: '1/m' } })
    const on = limiter.on.bind(limiter) as (event: unknown, listener: unknown) => unknown
    const refused = (message: string) => expect.objectContaining({ code: 'ERR_SLUICE_CHECK', message })
    expect(() => on('decisions', () => {})).toThrow(
      refused(
        "on: 'decisions' is not an event; events are decision, error, waited, leaseLost, warning, storeError, storeDown, storeUp, breaker, batch, lateReply; did you mean 'decision'?",
      ),
    )
    expect(() => on(undefined, () => {})).toThrow(/^on: undefined is not an event/)
    expect(() => on('decision', 5)).toThrow(
      refused("on: the listener of 'decision' is a number, not a function"),
    )
    await limiter.close()
  })

  it('tell of the error that the caller gets', async () => {
    const { limiter } = createTestLimiter({ policies: { perUser: '1/m' } })
    const heard: unknown[] = []
    limiter.on('error', ({ call, error }) => heard.push([call, error]))
    expect(() => limiter.checkSync('perUser', 'ada', { cost: 2 })).toThrow('never admit a cost of 2')
    expect(() => limiter.checkSync('perUser', 'ada', { cost: 0 })).toThrow('whole number')
    await expect(limiter.block('perUser', 'ada', { for: 'ever' })).rejects.toThrow('ever')
    expect(heard).toMatchObject([
      ['check', { code: 'ERR_SLUICE_COST_IMPOSSIBLE' }],
      ['check', { code: 'ERR_SLUICE_CHECK' }],
      ['block', { code: 'ERR_SLUICE_POLICY' }],
    ])
  })

  it('end for a listener that was taken away', () => {
    const events = new Events()
    const listener = vi.fn()
    const offFirst = events.on('warning', listener)
    events.on('warning', listener)
    const warning = { message: 'look here', error: undefined }
    events.emit('warning', warning)
    offFirst()
    offFirst()
    events.emit('warning', warning)
    expect(listener).toHaveBeenCalledTimes(3)
  })

  it('never let a listener that fails change a decision', async () => {
    const { limiter } = createTestLimiter({ policies: { perUser: '1/m' } })
    const warnings: string[] = []
    limiter.on('warning', ({ message }) => warnings.push(message))
    limiter.on('decision', () => {
      throw new Error('the metrics are down')
    })
    limiter.on('decision', async () => {
      throw new Error('and so are the logs')
    })
    expect(limiter.checkSync('perUser', 'ada').allowed).toBe(true)
    expect((await limiter.check('perUser', 'ada')).allowed).toBe(false)
    await vi.waitFor(() => expect(warnings).toHaveLength(4))
    expect(warnings[0]).toBe("a listener of 'decision' failed: the metrics are down")
  })

  it('become warnings of the process where nobody listens for them', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const events = new Events()
    events.on('warning', () => {
      throw new Error('no')
    })
    events.emit('warning', { message: 'look here', error: undefined })
    expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^a listener of 'warning' failed: Error at /),
      { type: 'SluiceWarning' },
    )
    emitWarning.mockRestore()
  })
})
