'use client';

import dynamic from 'next/dynamic';
import { Loading } from '@/ui/states';

/** What a panel opens when it is asked to. It comes after the data, so that a page is small at first. */
const editor = () => import('./panel-editor');
const table = () => import('./points-table');
const loading = () => <Loading label="This is on its way" className="mt-3 h-40" />;

export const PanelEditor = dynamic(() => editor().then((of) => of.PanelEditor), { ssr: false, loading });
export const PointsTable = dynamic(() => table().then((of) => of.PointsTable), { ssr: false, loading });

/** So that it is there even when the server is away later. */
export const loadLater = (): void => void Promise.all([editor(), table()]).catch(() => {});
