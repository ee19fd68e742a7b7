import { describe, expect, test } from 'vitest'
import { AddressKeys } from '../../../../src/middleware/address/address-key.js'
import { clientAddress } from '../../../../src/middleware/address/client-address.js'
import { Networks } from '../../../../src/middleware/address/networks.js'
import { type ProxyTrust, readProxyTrust } from '../../../../src/middleware/address/proxy-trust.js'
import { Refusal } from '../../../../src/policy/refusal.js'

function trust(value: unknown): ProxyTrust {
  const read = readProxyTrust(value)
  if (read instanceof Refusal) throw new Error(read.message)
  return read
}

describe('the address of a client', () => {
  test.each([
    ['nobody trusted', false, '203.0.113.9', '1.1.1.1', '203.0.113.9'],
    ['one proxy, which saw the client', 1, '10.0.0.1', '192.0.2.7', '192.0.2.7'],
    [
      'one proxy, and a client that wrote the header itself',
      1,
      '10.0.0.1',
      '6.6.6.6, 192.0.2.7',
      '192.0.2.7',
    ],
    ['two proxies', 2, '10.0.0.1', '6.6.6.6, 192.0.2.7, 10.0.0.2', '192.0.2.7'],
    ['more proxies than wrote', 3, '10.0.0.1', '192.0.2.7', '192.0.2.7'],
    ['no header', 1, '10.0.0.1', undefined, '10.0.0.1'],
    ['an empty header', 1, '10.0.0.1', '', '10.0.0.1'],
    ['proxies by their network', ['10.0.0.0/8'], '10.0.0.1', '6.6.6.6, 192.0.2.7, 10.9.9.9', '192.0.2.7'],
    ['somebody outside that network', ['10.0.0.0/8'], '203.0.113.9', '192.0.2.7', '203.0.113.9'],
    ['a proxy that is seen as IPv6', ['10.0.0.0/8'], '::ffff:10.0.0.1', '192.0.2.7', '192.0.2.7'],
    ['proxies by name', 'loopback', '::1', '192.0.2.7', '192.0.2.7'],
    [
      'proxies by a function',
      (address: string) => address === '10.0.0.1',
      '10.0.0.1',
      '192.0.2.7',
      '192.0.2.7',
    ],
    ['a proxy that hides its clients', 1, '10.0.0.1', 'unknown', '10.0.0.1'],
    ['what is no address', ['10.0.0.0/8'], '10.0.0.1', 'x\u0000y, 10.0.0.2', '10.0.0.2'],
    ['an address with its port', 1, '10.0.0.1', '192.0.2.7:4711', '192.0.2.7'],
    ['an IPv6 address in brackets', 1, '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['a proxy on a Unix socket', 1, undefined, '192.0.2.7', '192.0.2.7'],
  ])('with %s', (_, trusted, peer, header, expected) => {
    expect(clientAddress(peer, header, trust(trusted))).toBe(expected)
  })

  test('is nobody’s where there is none', () => {
    expect(clientAddress(undefined, undefined, trust(1))).toBeUndefined()
  })

  test('is found in a header of many thousand entries without reading them', () => {
    let asked = 0
    const counting: ProxyTrust = (_, hop) => {
      asked++
      return hop < 1
    }
    expect(clientAddress('10.0.0.1', `${'6.6.6.6,'.repeat(50_000)}192.0.2.7`, counting)).toBe('192.0.2.7')
    expect(asked).toBe(2)
  })
})

describe('the key of an address', () => {
  const keys = new AddressKeys(56)

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:C000:0207', '192.0.2.7'],
    ['2001:db8:1:12ff::1', '2001:db8:1:1200::/56'],
    ['2001:0DB8:0001:1234:0:0:0:5', '2001:db8:1:1200::/56'],
    ['fe80::1%eth0', 'fe80::/56'],
    ['64:ff9b::192.0.2.7', '192.0.2.7'],
    ['64:ff9b:1::192.0.2.7', '64:ff9b:1::/56'],
  ])('of %s is %s', (address, key) => {
    expect(keys.of(address)).toBe(key)
  })

  test.each(['', 'unknown', '127.1', '0x7f.0.0.1', '1.2.3.4.5', '::g', 'x'.repeat(1_000_000)])(
    'is none of what is no address (%#)',
    text => {
      expect(keys.of(text)).toBeUndefined()
    },
  )

  test('is the address itself where every one counts', () => {
    expect(new AddressKeys(128).of('2001:db8::1')).toBe('2001:db8::1')
  })
})

describe('a list of networks', () => {
  const read = (value: unknown): Networks => Networks.read(value) as Networks

  test('has the addresses of its networks, however they are written', () => {
    const networks = read(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7', '::ffff:203.0.113.0/120'])
    const inside = ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8:ffff::1', '198.51.100.7', '203.0.113.200']
    expect(inside.filter(address => !networks.has(address))).toEqual([])
    expect(['192.0.3.9', '2001:db9::1', '198.51.100.8', '', 'x'].filter(text => networks.has(text))).toEqual(
      [],
    )
  })

  test('has them also with a port, as some proxies write them', () => {
    const networks = read(['192.0.2.0/24', '2001:db8::/32'])
    const inside = ['192.0.2.9:4711', '[2001:db8::1]:443', '[2001:db8::1]', ' 192.0.2.9 ']
    expect(inside.filter(address => !networks.has(address))).toEqual([])
    expect(['192.0.2.9:', '192.0.2.9:123456', '2001:db8::1]:1'].filter(text => networks.has(text))).toEqual(
      [],
    )
  })

  test.each(['', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0.0/-1', '10.0.0.0/8 ', 'localhost', 7, null])(
    'refuses %o',
    entry => {
      expect(Networks.read([entry])).toBeInstanceOf(Refusal)
    },
  )
})
