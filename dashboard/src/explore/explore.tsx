'use client';

import { useEffect, useState } from 'react';
import { Empty } from '@/ui/states';
import { type Reading, readAddress } from './address';
import type { Dashboard } from './dashboard';
import { PanelCard } from './panel-card';
import { Views } from './views';

export function Explore() {
  const [reading, setReading] = useState<Reading>();
  useEffect(() => setReading(readAddress(window.location.search)), []);
  if (!reading) return null;
  if ('problem' in reading) return <Empty title="This link cannot be shown">{reading.problem}</Empty>;
  return <Panels dashboard={reading.dashboard} />;
}

function Panels({ dashboard }: { dashboard: Dashboard }) {
  const [views] = useState(() => new Views(dashboard.view));
  return dashboard.panels.map((panel) => <PanelCard key={panel.id} panel={panel} views={views} />);
}
