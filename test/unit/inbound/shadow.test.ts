import { describe, expect, test, vi } from 'vitest'
import { createGatewayLimits, loadGatewayConfig } from '../../../src/inbound/index.js'
import { setUp } from './support/set-up.js'

describe('dimensions that only watch', () => {
  test('let everything pass, count for themselves and take nothing from those in force', async () => {
    const told: string[] = []
    const { limits } = setUp({
      by_user: '3/m',
      by_tool: { search: '1/m' },
      shadow: ['by_tool'],
      onShadow: (dimension, { source, allowed }) => told.push(`${dimension} ${source} ${allowed}`),
    })
    const request = { user: 'ada', tool: 'search' }
    for (let i = 0; i < 3; i++) expect((await limits.check(request)).allowed).toBe(true)
    const refused = await limits.check(request)
    expect(refused.dimensions.map(({ dimension }) => dimension)).toEqual(['by_user'])
    expect(refused.allowed).toBe(false)
    expect(limits.shadow).toEqual({ by_tool: { allowed: 1, refused: 3, failed: 0 } })
    expect(told.slice(0, 2)).toEqual(['by_tool shadow true', 'by_tool shadow false'])
  })

  test('fail for themselves alone, and so does who is told of them', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { limits } = setUp({
      by_user_per_server: '3/m',
      shadow: ['by_user_per_server'],
      onShadow: () => {
        throw new Error('no place')
      },
    })
    expect((await limits.check({ user: 'ada' })).allowed).toBe(true)
    expect((await limits.check({ user: 'ada', server: 'files' })).allowed).toBe(true)
    await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce())
    expect(limits.shadow).toEqual({ by_user_per_server: { allowed: 1, refused: 0, failed: 1 } })
    warn.mockRestore()
  })

  test('stand in a file, and are those that are limited', () => {
    expect(loadGatewayConfig({ by_user: '5/m', by_tenant: '9/m', shadow: ['by_tenant'] })).toMatchObject({
      shadow: ['by_tenant'],
    })
    expect(() => createGatewayLimits({ by_user: '5/m', shadow: ['by_usr'] })).toThrow(
      /'by_usr' is no dimension that is limited; those are by_user; did you mean 'by_user'/,
    )
    expect(createGatewayLimits({ by_user: '5/m' }).shadow).toEqual({})
  })
})
