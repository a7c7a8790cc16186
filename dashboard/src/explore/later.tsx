'use client';

import dynamic from 'next/dynamic';
import { Loading } from '@/ui/states';

/** What a panel opens when it is asked to. It does not come with the page, which is small so. */
const editor = () => import('./panel-editor');
const table = () => import('./points-table');

const Away = () => <p className="mt-3 text-bad">■ The server did not answer. Load the page again once it is back.</p>;
const away = () => Away;
const loading = () => <Loading label="This is on its way" className="mt-3 h-40" />;

export const PanelEditor = dynamic(() => editor().then((of) => of.PanelEditor, away), { ssr: false, loading });
export const PointsTable = dynamic(() => table().then((of) => of.PointsTable, away), { ssr: false, loading });

/** For who comes near: so it is there when it is opened. */
export const loadLater = (): void => void Promise.all([editor(), table()]).catch(() => {});
