/** The editors' colours: Monaco's own, on our background, with our accent, and readable for all. */
import { useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

interface Palette {
  base: 'vs' | 'vs-dark';
  raised: string;
  muted: string;
  accent: string;
  rules: { token: string; foreground: string }[];
}

/** Under the names of GraphiQL's themes, whose place they take. The values are those of `globals.css`. */
const PALETTES: Record<string, Palette> = {
  'graphiql-LIGHT': {
    base: 'vs',
    raised: '#ffffff',
    muted: '#545e6b',
    accent: '#00639c',
    rules: [
      { token: 'number', foreground: '066e47' },
      { token: 'argument.identifier.gql', foreground: '5a57b8' },
    ],
  },
  'graphiql-DARK': {
    base: 'vs-dark',
    raised: '#21262e',
    muted: '#a0aab7',
    accent: '#5cb8f2',
    rules: [
      { token: 'comment', foreground: '86ad73' },
      { token: 'argument.identifier.gql', foreground: 'a29dff' },
    ],
  },
};

function themeOf({ base, raised, muted, accent, rules }: Palette) {
  const faint = `${accent}22`;
  return {
    base,
    inherit: true,
    rules,
    colors: {
      'editor.background': '#00000000',
      'scrollbar.shadow': '#00000000',
      focusBorder: accent,
      'editorLineNumber.dimmedForeground': muted,
      'textLink.foreground': accent,
      'textLink.activeForeground': accent,
      'editorWidget.background': raised,
      'editorHoverWidget.background': raised,
      'editorSuggestWidget.background': raised,
      'editorSuggestWidget.selectedBackground': faint,
      'list.hoverBackground': faint,
      'list.highlightForeground': accent,
      'list.focusHighlightForeground': accent,
      'menu.background': raised,
      'menu.selectionBackground': faint,
      'menu.selectionForeground': accent,
      'quickInput.background': raised,
      'quickInputList.focusBackground': faint,
    },
  };
}

export function useEditorColours(): void {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    for (const [name, palette] of Object.entries(PALETTES)) monaco?.editor.defineTheme(name, themeOf(palette));
  }, [monaco]);
}
