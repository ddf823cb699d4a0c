import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Edges } from '../src/edges.ts';

const own = 'https://one.example';
const places = ['https://one.example/live/x/main.m3u8', 'https://two.example/live/x/main.m3u8', 'https://three.example/live/x/main.m3u8', 'no address'];

/** What each origin says: a status, or nothing. */
async function ask(edges: Edges, answers: Record<string, number>): Promise<{ status: number; asked: string[] }> {
  const asked: string[] = [];
  const answer = await edges.ask('/api', (url) => {
    asked.push(url);
    const status = answers[url];
    return status === undefined ? Promise.reject(new TypeError('no answer')) : Promise.resolve({ status });
  });
  return { status: answer.status, asked };
}

test('Edges_OwnServerAnswers_IsAskedAlone', async () => {
  const edges = new Edges(own);
  edges.learn(places);
  assert.deepEqual(await ask(edges, { '/api': 404 }), { status: 404, asked: ['/api'] });
  assert.equal(edges.origin, '');
});

test('Edges_OwnServerIsGone_AnotherIsAskedAndStaysTheFirst', async () => {
  const edges = new Edges(own);
  edges.learn(places);
  const answers = { 'https://two.example/api': 503, 'https://three.example/api': 200 };
  assert.deepEqual(await ask(edges, answers), { status: 200, asked: ['/api', 'https://two.example/api', 'https://three.example/api'] });
  assert.equal(edges.origin, 'https://three.example');
  assert.deepEqual(await ask(edges, answers), { status: 200, asked: ['https://three.example/api'] });
  // And back, when that one goes and its own is there again.
  assert.deepEqual(await ask(edges, { '/api': 200 }), { status: 200, asked: ['https://three.example/api', '/api'] });
  assert.equal(edges.origin, '');
});

test('Edges_NobodyCan_TheFirstWordCounts', async () => {
  const edges = new Edges(own);
  edges.learn(places);
  assert.equal((await ask(edges, { '/api': 504, 'https://three.example/api': 503 })).status, 504);
  await assert.rejects(ask(edges, {}), TypeError);
  assert.equal(edges.origin, '');
});

test('Edges_NoneLearned_OwnServerHasAllTheTime', async () => {
  const edges = new Edges(own);
  edges.learn([places[0]!]);
  let patience: number | null = 0;
  await edges.ask('/api', (_, least) => {
    patience = least;
    return Promise.resolve({ status: 200 });
  });
  assert.equal(patience, null);
});
