import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSprites, spriteAt } from '../src/player/sprites.ts';
import { previewUrl } from '../src/preview.ts';

const base = 'https://live.example/b/01jx/sprites.vtt';

const text = `WEBVTT

00:00:00.000 --> 00:00:10.000
sprites/0.jpg#xywh=0,0,160,90

00:00:10.000 --> 01:00:20.500
sprites/0.jpg#xywh=160,0,160,90

100:00:20.500 --> 100:00:30.500
sprites/1.2.jpg#xywh=320,90,160,90
`;

test('ParseSprites_OurIndex_GivesEveryTile', () => {
  const sprites = parseSprites(text, base);
  assert.equal(sprites.length, 3);
  assert.deepEqual(sprites[1], {
    start: 10, end: 3620.5, sheet: 'https://live.example/b/01jx/sprites/0.jpg', x: 160, y: 0, width: 160, height: 90,
  });
  assert.equal(sprites[2]!.start, 360_020.5);
  assert.equal(sprites[2]!.sheet, 'https://live.example/b/01jx/sprites/1.2.jpg');
});

test('ParseSprites_OtherLineEndsIdentifiersAndNotes_AreRead', () => {
  const other = '\uFEFFWEBVTT - tiles\r\n\r\nNOTE by hand\r\n\r\n1\r\n00:10.000 --> 00:20.000 align:start\r\n/x/a.jpg#xywh=pixel:1,2,3,4\r\n';
  assert.deepEqual(parseSprites(other, base), [{ start: 10, end: 20, sheet: 'https://live.example/x/a.jpg', x: 1, y: 2, width: 3, height: 4 }]);
});

test('ParseSprites_Nonsense_HasNone', () => {
  for (const nonsense of [
    '',
    '<!doctype html>',
    'WEBVTTX\n\n00:00.000 --> 00:10.000\na.jpg#xywh=0,0,1,1',
    'WEBVTT\n\n00:00.000 --> 00:10.000\nwords',
    'WEBVTT\n\n00:00.000 --> 00:10.000',
    'WEBVTT\n\n00:10.000 --> 00:10.000\na.jpg#xywh=0,0,1,1',
    'WEBVTT\n\n00:61.000 --> 00:70.000\na.jpg#xywh=0,0,1,1',
    'WEBVTT\n\n00:00.000 --> 00:10.000\na.jpg#xywh=0,0,0,1',
    'WEBVTT\n\n00:00.000 --> 00:10.000\nhttp://[#xywh=0,0,1,1',
  ]) assert.deepEqual(parseSprites(nonsense, base), [], nonsense);
});

test('SpriteAt_AnyMoment_IsTheLastThatBegan', () => {
  const sprites = parseSprites(text, base);
  assert.equal(spriteAt(sprites, -5), sprites[0]);
  assert.equal(spriteAt(sprites, 9.999), sprites[0]);
  assert.equal(spriteAt(sprites, 10), sprites[1]);
  assert.equal(spriteAt(sprites, 5000), sprites[1]);
  assert.equal(spriteAt(sprites, 1e9), sprites[2]);
  assert.equal(spriteAt([], 1), null);
});

test('PreviewUrl_NewPicture_IsANewAddress', () => {
  assert.equal(previewUrl('studio', '2026-11-22T20:00:00.5Z', 320), '/live/studio/preview-320.jpg?t=1795377600');
  assert.equal(previewUrl('studio', '2026-11-22T20:00:10Z', 640), '/live/studio/preview.jpg?t=1795377610');
});
