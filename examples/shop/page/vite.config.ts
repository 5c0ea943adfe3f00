/** `vite build examples/shop/page`: the folder the gateway serves, with the page at /shop/. */
export default {
  base: './',
  build: { outDir: '../../../dist/shop/site/shop', emptyOutDir: true, target: 'es2022' },
};
