import { Home } from '@/home/home';
import { Allowed } from '@/ui/allowed';

export default function Page() {
  return (
    <Allowed>
      <Home />
    </Allowed>
  );
}
