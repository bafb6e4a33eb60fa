import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** A module of Node in the bundle would fail in the browser only when it is called: it fails the build instead. */
const withoutNode: Plugin = {
  name: 'salus:without-node',
  enforce: 'pre',
  resolveId(id, importer) {
    if (id.startsWith('node:')) this.error(`${importer ?? 'the app'} imports ${id}, which no browser has.`);
    return null;
  },
};

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  appType: 'spa',
  plugins: [withoutNode, react()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_500,
    // What the first page needs comes in one file: thirty small ones wait for each other's turn.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'index', tags: ['$initial'] }] } } },
  },
});
