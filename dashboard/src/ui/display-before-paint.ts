/** How much of the screen a page takes, before anything of it is alive. */

export const WIDTH = 'streamsync.width';
export const FULL = 'full';
/** Part of an address, so that a screen on the wall can be sent there. */
export const KIOSK = 'kiosk';

/** Runs in the head, so that nothing moves afterwards. */
export const applyDisplayBeforePaint = `{const r=document.documentElement.dataset;if(localStorage.getItem('${WIDTH}'))r.width='${FULL}';if(new URLSearchParams(location.search).has('${KIOSK}'))r.kiosk=''}`;
