import { describe, expect, test } from 'vitest';
import {
  Assembler,
  place,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  xmm,
  ymm,
  zmm,
} from '../machine/assembler.ts';

/** What GNU objdump 2.40 makes of the bytes, the bytes, and what assembles them. */
const INSTRUCTIONS: readonly (readonly [text: string, bytes: string, emit: (x: Assembler) => void])[] = [
  ['push   r12', '4154', (x) => x.push(r12)],
  ['pop    rbx', '5b', (x) => x.pop(rbx)],
  ['call   r10', '41ffd2', (x) => x.callAt(r10)],
  ['syscall', '0f05', (x) => x.systemCall()],
  ['bswap  r10d', '410fca', (x) => x.reverseBytes32(r10)],
  ['bswap  edx', '0fca', (x) => x.reverseBytes32(rdx)],
  ['ret', 'c3', (x) => x.ret()],
  ['mov    rax,r15', '498bc7', (x) => x.move(rax, r15)],
  ['mov    r8,QWORD PTR [rsp+0x8]', '4c8b842408000000', (x) => x.move(r8, place(rsp, 8))],
  ['mov    rdi,QWORD PTR [rsp+0x0]', '488bbc2400000000', (x) => x.move(rdi, place(rsp))],
  ['mov    QWORD PTR [rbp+r12*2-0x8],rcx', '4a898c65f8ffffff', (x) => x.store(place(rbp, -8, r12, 2), rcx)],
  ['mov    eax,DWORD PTR [rdx+rcx*1-0x40]', '8b840ac0ffffff', (x) => x.load32(rax, place(rdx, -64, rcx))],
  ['mov    DWORD PTR [rdi+0x44],edx', '899744000000', (x) => x.store32(place(rdi, 68), rdx)],
  ['mov    r13,0xffffffffffffffff', '49c7c5ffffffff', (x) => x.set(r13, -1)],
  ['mov    QWORD PTR [rdi+0x70],0xffffffffffffffff', '48c78770000000ffffffff', (x) => x.set(place(rdi, 112), -1)],
  ['add    rsi,0x40', '4881c640000000', (x) => x.add(rsi, 64)],
  ['add    rax,QWORD PTR [rdi+0x40]', '48038740000000', (x) => x.add(rax, place(rdi, 64))],
  ['sub    rcx,r8', '492bc8', (x) => x.subtract(rcx, r8)],
  ['and    rax,QWORD PTR [r12+0x10]', '4923842410000000', (x) => x.and(rax, place(r12, 16))],
  ['cmp    rbp,0xffffffffffffffff', '4881fdffffffff', (x) => x.compare(rbp, -1)],
  ['cmp    rdx,rcx', '483bd1', (x) => x.compare(rdx, rcx)],
  ['imul   rdx,QWORD PTR [rdi+0x0]', '480faf9700000000', (x) => x.multiply(rdx, place(rdi))],
  ['div    QWORD PTR [rdi+0x18]', '48f7b718000000', (x) => x.divide(place(rdi, 24))],
  ['shr    rdx,cl', '48d3ea', (x) => x.shiftRightByCl(rdx)],
  ['shr    r8,0xc', '49c1e80c', (x) => x.shiftRight(r8, 12)],
  ['shl    rax,0x6', '48c1e006', (x) => x.shiftLeft(rax, 6)],
  ['tzcnt  rax,r13', 'f3490fbcc5', (x) => x.trailingZeros(rax, r13)],
  ['lea    r15,[r8+r8*2+0x0]', '4f8dbc4000000000', (x) => x.address(r15, place(r8, 0, r8, 2))],
  ['prefetcht0 BYTE PTR [r13+0x80]', '410f188d80000000', (x) => x.prefetch(place(r13, 128))],
  ['movzx  eax,BYTE PTR [rsi+r8*1+0x0]', '420fb6840600000000', (x) => x.load8(rax, place(rsi, 0, r8))],
  ['mov    BYTE PTR [rdx+r8*1+0x0],al', '4288840200000000', (x) => x.store8(place(rdx, 0, r8), rax)],
  ['xor    rax,r9', '4933c1', (x) => x.xor(rax, r9)],
  // In AVX's form.
  [
    'vmovdqu xmm9,XMMWORD PTR [rsi+r15*2-0x40]',
    'c4217a6f8c7ec0ffffff',
    (x) => x.vload(xmm(9), place(rsi, -64, r15, 2)),
  ],
  ['vmovdqu ymm11,YMMWORD PTR [r11+r13*1+0x20]', 'c4017e6f9c2b20000000', (x) => x.vload(ymm(11), place(r11, 32, r13))],
  ['vmovdqu ymm8,ymm3', 'c4617e6fc3', (x) => x.vload(ymm(8), ymm(3))],
  ['vmovdqu YMMWORD PTR [rdi+0x400],ymm6', 'c4e17e7fb700040000', (x) => x.vstore(place(rdi, 1024), ymm(6))],
  ['vpaddd ymm12,ymm0,ymm9', 'c4417dfee1', (x) => x.vpaddd(ymm(12), ymm(0), ymm(9))],
  ['vpaddq xmm0,xmm0,XMMWORD PTR [rdi+0x100]', 'c4e179d48700010000', (x) => x.vpaddq(xmm(0), xmm(0), place(rdi, 256))],
  ['vpxor  ymm2,ymm2,ymm13', 'c4c16defd5', (x) => x.vpxor(ymm(2), ymm(2), ymm(13))],
  ['vpand  ymm12,ymm0,YMMWORD PTR [rdi+0x200]', 'c4617ddba700020000', (x) => x.vpand(ymm(12), ymm(0), place(rdi, 512))],
  ['vpor   ymm12,ymm12,ymm1', 'c4611debe1', (x) => x.vpor(ymm(12), ymm(12), ymm(1))],
  ['vpslld ymm10,ymm8,0x7', 'c4c12d72f007', (x) => x.vpslld(ymm(10), ymm(8), 7)],
  ['vpsrld ymm9,ymm8,0x19', 'c4c13572d019', (x) => x.vpsrld(ymm(9), ymm(8), 25)],
  ['vpsllw ymm6,ymm11,0x3', 'c4c14d71f303', (x) => x.vpsllw(ymm(6), ymm(11), 3)],
  ['vpsrlw ymm8,ymm7,0x4', 'c4e13d71d704', (x) => x.vpsrlw(ymm(8), ymm(7), 4)],
  ['vpcmpeqb ymm12,ymm12,ymm15', 'c4411d74e7', (x) => x.vpcmpeqb(ymm(12), ymm(12), ymm(15))],
  ['vpmovmskb eax,ymm12', 'c4c17dd7c4', (x) => x.vpmovmskb(rax, ymm(12))],
  ['vpshufd ymm1,ymm9,0x93', 'c4c17d70c993', (x) => x.vpshufd(ymm(1), ymm(9), 0x93)],
  ['vpshufb ymm13,ymm13,ymm10', 'c4421500ea', (x) => x.vpshufb(ymm(13), ymm(13), ymm(10))],
  ['vpunpcklbw ymm4,ymm0,ymm10', 'c4c17d60e2', (x) => x.vpunpcklbw(ymm(4), ymm(0), ymm(10))],
  ['vpunpckhbw ymm5,ymm0,ymm2', 'c4e17d68ea', (x) => x.vpunpckhbw(ymm(5), ymm(0), ymm(2))],
  [
    'vinserti128 ymm1,ymm1,XMMWORD PTR [r13+r8*1+0x10],0x1',
    'c48375388c051000000001',
    (x) => x.vinsert16(ymm(1), ymm(1), place(r13, 16, r8), 1),
  ],
  [
    'vextracti128 XMMWORD PTR [r11+r13*1+0x20],ymm9,0x1',
    'c4037d398c2b2000000001',
    (x) => x.vextract16(place(r11, 32, r13), ymm(9), 1),
  ],
  [
    'vbroadcasti128 ymm13,XMMWORD PTR [rdi+0xe0]',
    'c4627d5aafe0000000',
    (x) => x.vbroadcast16(ymm(13), place(rdi, 224)),
  ],
  ['vmovdqu xmm9,XMMWORD PTR [rdi+0xe0]', 'c4617a6f8fe0000000', (x) => x.vbroadcast16(xmm(9), place(rdi, 224))],
  ['vaesenc ymm8,ymm8,ymm10', 'c4423ddcc2', (x) => x.vaesenc(ymm(8), ymm(8), ymm(10))],
  ['vaesenclast xmm1,xmm1,xmm11', 'c4c271ddcb', (x) => x.vaesenclast(xmm(1), xmm(1), xmm(11))],
  // In that of AVX-512.
  ['vpaddd ymm17,ymm0,ymm9', '62c17d28fec9', (x) => x.vpaddd(ymm(17), ymm(0), ymm(9))],
  ['vmovdqu32 zmm31,ZMMWORD PTR [r13+0x40]', '62417e486fbd40000000', (x) => x.vload(zmm(31), place(r13, 64))],
  ['vmovdqu32 zmm20,zmm3', '62e17e486fe3', (x) => x.vload(zmm(20), zmm(3))],
  ['vmovdqu32 ZMMWORD PTR [rbx+0x40],zmm17', '62e17e487f8b40000000', (x) => x.vstore(place(rbx, 64), zmm(17))],
  ['vpaddd zmm8,zmm0,zmm31', '62117d48fec7', (x) => x.vpaddd(zmm(8), zmm(0), zmm(31))],
  [
    'vpaddd zmm7,zmm7,DWORD PTR [rdi+0x280]{1to16}',
    '62f14558febf80020000',
    (x) => x.vpadddOf(zmm(7), zmm(7), place(rdi, 640)),
  ],
  [
    'vpaddq zmm0,zmm16,ZMMWORD PTR [rdi+0x100]',
    '62f1fd40d48700010000',
    (x) => x.vpaddq(zmm(0), zmm(16), place(rdi, 256)),
  ],
  ['vpxord zmm1,zmm25,ZMMWORD PTR [rsi+0x40]', '62f13540ef8e40000000', (x) => x.vpxor(zmm(1), zmm(25), place(rsi, 64))],
  ['vpandq zmm9,zmm2,zmm15', '6251ed48dbcf', (x) => x.vpand(zmm(9), zmm(2), zmm(15))],
  ['vporq  zmm9,zmm9,zmm1', '6271b548ebc9', (x) => x.vpor(zmm(9), zmm(9), zmm(1))],
  ['vpternlogq zmm5,zmm9,zmm30,0x96', '6293b54825ee96', (x) => x.vxor3(zmm(5), zmm(9), zmm(30))],
  ['vpternlogq zmm9,zmm0,zmm14,0xf8', '6253fd4825cef8', (x) => x.vorAnd(zmm(9), zmm(0), zmm(14))],
  ['vpternlogq zmm10,zmm5,zmm6,0xca', '6273d54825d6ca', (x) => x.vselect(zmm(10), zmm(5), zmm(6))],
  ['vpternlogq zmm10,zmm1,zmm2,0xe8', '6273f54825d2e8', (x) => x.vmajority(zmm(10), zmm(1), zmm(2))],
  ['vpsrld zmm10,zmm17,0x3', '62b12d4872d103', (x) => x.vpsrld(zmm(10), zmm(17), 3)],
  ['vprold zmm8,zmm24,0x7', '62913d4872c807', (x) => x.vprold(zmm(8), zmm(24), 7)],
  ['vpshufd zmm1,zmm17,0x93', '62b17d4870c993', (x) => x.vpshufd(zmm(1), zmm(17), 0x93)],
  ['vpshufb zmm2,zmm0,zmm31', '62927d4800d7', (x) => x.vpshufb(zmm(2), zmm(0), zmm(31))],
  ['vpunpcklbw zmm16,zmm0,zmm8', '62c17d4860c0', (x) => x.vpunpcklbw(zmm(16), zmm(0), zmm(8))],
  ['vpunpckhbw zmm17,zmm0,zmm8', '62c17d4868c8', (x) => x.vpunpckhbw(zmm(17), zmm(0), zmm(8))],
  ['vpunpckldq zmm8,zmm16,zmm17', '62317d4062c1', (x) => x.vpunpckldq(zmm(8), zmm(16), zmm(17))],
  ['vpunpckhdq zmm16,zmm16,zmm17', '62a17d406ac1', (x) => x.vpunpckhdq(zmm(16), zmm(16), zmm(17))],
  ['vpunpcklqdq zmm10,zmm16,zmm18', '6231fd406cd2', (x) => x.vpunpcklqdq(zmm(10), zmm(16), zmm(18))],
  ['vpunpckhqdq zmm17,zmm8,zmm9', '62c1bd486dc9', (x) => x.vpunpckhqdq(zmm(17), zmm(8), zmm(9))],
  [
    'vinserti32x4 zmm0,zmm0,XMMWORD PTR [rcx+r15*2-0x10],0x3',
    '62b37d48388479f0ffffff03',
    (x) => x.vinsert16(zmm(0), zmm(0), place(rcx, -16, r15, 2), 3),
  ],
  [
    'vextracti32x4 XMMWORD PTR [r10+r14*1+0x20],zmm18,0x2',
    '62837d483994322000000002',
    (x) => x.vextract16(place(r10, 32, r14), zmm(18), 2),
  ],
  [
    'vbroadcasti32x4 zmm30,XMMWORD PTR [rdi+0xe0]',
    '62627d485ab7e0000000',
    (x) => x.vbroadcast16(zmm(30), place(rdi, 224)),
  ],
  ['vpbroadcastq zmm22,QWORD PTR [rdi+0x30]', '62e2fd4859b730000000', (x) => x.vpbroadcastq(zmm(22), place(rdi, 48))],
  ['vgf2p8affineqb zmm9,zmm6,zmm22,0x0', '6233cd48cece00', (x) => x.vgf2p8affineqb(zmm(9), zmm(6), zmm(22))],
  ['vaesenc zmm8,zmm8,zmm17', '62323d48dcc1', (x) => x.vaesenc(zmm(8), zmm(8), zmm(17))],
  ['vaesenclast zmm8,zmm8,zmm30', '62123d48ddc6', (x) => x.vaesenclast(zmm(8), zmm(8), zmm(30))],
  ['vptestnmb k1,zmm9,zmm9', '62d2364826c9', (x) => x.zeroBytesToK1(zmm(9))],
  ['kortestq k1,k1', 'c4e1f898c9', (x) => x.testK1()],
  ['kmovq  rax,k1', 'c4e1fb93c1', (x) => x.k1ToRax()],
  ['kmovq  k1,rax', 'c4e1fb92c8', (x) => x.raxToK1()],
  ['vmovdqu8 zmm2{k1}{z},ZMMWORD PTR [rsi+0x0]', '62f17fc96f9600000000', (x) => x.vloadByK1(zmm(2), place(rsi))],
  ['vmovdqu8 ZMMWORD PTR [rdx+0x0]{k1},zmm2', '62f17f497f9200000000', (x) => x.vstoreByK1(place(rdx), zmm(2))],
  ['vzeroupper', 'c5f877', (x) => x.vzeroupper()],
];

test.each(INSTRUCTIONS)('assembles %s', (_text, bytes, emit) => {
  const x = new Assembler();
  emit(x);
  expect(Buffer.from(x.finish()).toString('hex')).toBe(bytes);
});

describe('labels', () => {
  test('jumps count from the instruction behind them, forwards and back', () => {
    const x = new Assembler();
    const end = x.label();
    const again = x.here();
    x.jumpIf('equal', end);
    x.jump(again);
    x.here(end);
    x.call(again);
    expect(Buffer.from(x.finish()).toString('hex')).toBe(['0f8405000000', 'e9f5ffffff', 'e8f0ffffff'].join(''));
  });

  test('a jump to nowhere is refused', () => {
    const x = new Assembler();
    x.jump(x.label());
    expect(() => x.finish()).toThrow('a jump leads to a label that is nowhere');
  });
});

test('rsp is no index', () => {
  expect(() => new Assembler().move(rax, place(rbx, 0, rsp))).toThrow('rsp cannot be an index');
});

test('what has a form in AVX or AVX-512 alone is refused in the other', () => {
  expect(() => new Assembler().vpcmpeqb(zmm(1), zmm(2), zmm(3))).toThrow('this instruction has no wider form');
  expect(() => new Assembler().vpmovmskb(rax, ymm(16))).toThrow('this instruction has no wider form');
});
