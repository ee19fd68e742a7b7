// Written by scripts/build-shard-tags.ts; do not edit.

/**
 * Hash tags of the virtual shards. The slot of tag i is in [16 i, 16 i + 16), so every second, fourth, … tag is spread as
 * evenly over the slots as all of them.
 */
export const SHARD_TAGS: readonly string[] = `
  ru 2ke cv lw 7g 8f bl 14 6y 9x cr ls 7c 8b bh 10 6u 9t 17y 18x 7o 8n bd me 6q 9p cz 2zj 7k 8j z1 18 9m 6l
  lf cg 8w 7v 41h 16z 9i 6h lb cc 8s 7r mx by 9e 6d ln co 1lx sv mt bu 9a j9 lj ck 2jb 7z mp bq nd ae g6 4n
  2yo 14x 1nr 5t 29 aa g2 4j oz 1pt 1nv 5p 25 am 139 4f ov 14p 1nz qt 21 ai 1od 4b or 14t 249 5x at nu pw 3
  14i 36 5e 1nc ap nq ps 7 14m 32 5a f9 1qs 2xl 4w 1oq x7 og 5m f5 ax ny 4s 1ou x3 oc 5i f1 kz 1tt zy 1p 69
  98 c2 l3 29g 10x 1jr 1t jd ee c6 l7 kr ds zq 1x 61 90 1kd tj kv dw zu ut 65 94 179 tn 83 72 1a b9 ep jq ts
  2mc 87 76 1e zl et ju tw 1ky db kc 1i b1 ex jy 1dt 1ku df kg 1m b5 1us 1zr 1dp 1kq 3c xj fh 50 2y yp f hs
  3g xn fl 54 vu yt b hw 3k xb 12g 58 2q yx n 1xt 3o xf fd ie 2u 1is j 1xp 1ht 3r ix fy a0 2h hb w 1hp 3v
  1ys 12z a4 2l hf s xs 3z ip fq a8 n9 43 gk xw wv it fu ym 2d 47 go cw lv rt 1mz bm 15 7f 8g cs lr 6x 9y bi
  11 7b 8c 17x 18y 6t 9u be md 7n 8o 1st lz 6p 9q ba 19 7j 8k lg cf 9l 6m 19z 1rs 8v 7w lc cb 9h 6i my bx 8r
  7s lo cn 9d 6e mu bt 1ly sw lk cj e9 6a mq bp 8z ss g7 4o ne ad 1ns 5u 2yn 14y g3 4k 28 y1 1nw 5q 2yj 1pu
  138 4g 24 al 2he qu ow 14q 1oe 4c 20 ah 248 5y os 14u pv 2 au nt 5d 1nb 14h 37 4z 6 aq np i9 f8 14l 33 4v
  1op 15z 2xm 5l f4 x6 of 4r 1ot ay nx 5h f0 x2 ob zx 1q 29b dz c3 l2 68 99 1js 1u 29f 10y c7 l6 je ed zp 1y
  ks dr 1ke tk 60 91 zt uu kw dv 178 to 64 95 m9 b8 82 73 tr 2mb eq jp 1d zm 86 77 tv 1kx eu jt 1h b0 dc kb
  tz 1kt ey jx 1l b4 dg kf 1dq 1kp 11z 1zs fi 51 3b xk g hr 2x yq fm 55 3f xo c hv vt yu fa 59 3j xc o hz 2p
  yy fe id 3n xg k 1xq 2t 1ir iy fx xz 3s hc v a1 2i 1yr 1vs 1hq 3w hg r a5 2m iq fp xr ws 42 gj a9 2a iu ft
  xv ww 46 z yl 2e 7e 8d bn 16 rw 1my ct lu 7a d9 bj 12 rs 9z cp lq 7m 8l bf mg 6w 9v 1ss 18z 7i 8h bb mc 6s
  9r cx ly 8u 7t 19y 16x 9o 6n ld ce 8q 7p mz 1rt 9k 6j t1 ca 1lz st mv bw 9g 6f ll cm 8y 7x mr bs 9c 6b lh
  ci 2ym 14z 1np 5v nf ag g4 4l ox 1pv 1nt 5r nb ac g0 4h ot 14r 1nx qv 27 ao 1ob 4d op 14v 2hb 5z 23 ak g8
  h9 14k 34 5g 128 av nw pu 1 x9 30 5c 1ne ar ns 4y 5 x5 oe 5o f7 15y 2xn 4u 9 x1 38 5k f3 az 2xj 4q 1ow jb
  ec c0 l1 kx dy 1jt 1r jf eg c4 l5 29e 10z 1jp 1v 63 92 c8 l9 kp dq zs 1z 67 96 1kb tl kt du zw uv er js tq
  218 81 70 1c zj ev jw tu 2me 85 74 1g zn ez 1zt ty 1kw 89 78 1k b3 11y 1zp 1dr 1ks dd ke 1o b7 vs yr d hq
  3a xh fj 52 vw yv gt hu 3e xl fn 56 2s yz l hy 3i 146 fb ic 2w 1iq h 1xr 3m xd ff ig a2 2j 49 u xy 3p iz
  1vt a6 2n hd q 1hr 3t 1yq 12x yk 2b 41 gi xq 3x ir fs yo 2f 45 y xu wt iv fw bo 17 7d 8e cu lt rv 1mx bk
  13 k9 8a cq lp 6z 2kb bg mf 7l 8m 17z 2zm 6v 9w bc mb 7h 8i cy lx 6r 9s 19x 16y 8t 7u le cd 9n 6o 41o bz
  8p 7q la 17g 9j 6k mw bv 2je su lm cl 9f 6g ms br 8x 7y li ch 9b 6c 1nq 5w 2yl 1ps g5 4m ng af 1nu 5s oy
  1pw g1 4i nc ab 1ny qw ou 14s 1oc 4e 26 an 2hc qs oq 14w g9 4a 22 aj 5f 129 14j 35 pt 0 aw nv 5b 1nd x8 31
  4x 4 as nr 5n f6 x4 od 4t 8 15x 2xo 5j f2 x0 39 4p 1ov 1qt nz c1 l0 jc eb zz 1s ky dx c5 l4 jg ef 1jq 1w
  29d 1ts c9 l8 62 93 zr us kq dp 1kc tm 66 97 zv uw ku dt tp 219 es jr 1b zk 80 71 tt 1kz ew jv 1f zo 84 75
  tx 1kv 1ut jz 1j b2 88 79 1ds 1kr 11x 1zq 1n b6 de kd e hp 2z ys fk 53 o9 xi a ht vv yw fo 57 3d xm m hx
  2r 1it fc ib 3h xa i 1xs 2v 1ip fg if 3l xe 48 t a3 2k 1yt fz xx 3q he p a7 2o 1yp 12y 1hs 3u 40 gh yj 2c
  is fr xp 3y 44 x yn 2g iw fv xt wu
`
  .trim()
  .split(/\s+/)
