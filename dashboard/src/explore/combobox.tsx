'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import { useCombobox } from 'downshift';
import { useEffect, useId, useRef, useState } from 'react';

export interface Suggestion {
  value: string;
  /** Beside it, such as how many series it has. */
  note?: string;
}

interface Props {
  label: string;
  hideLabel?: boolean;
  value: string;
  suggestions: readonly Suggestion[];
  loading?: boolean;
  /** Why there are no suggestions. */
  trouble?: string | undefined;
  placeholder?: string;
  className?: string;
  /** It has the focus at first. */
  isNext?: boolean;
  onSearch(text: string): void;
  onChoose(value: string): void;
}

const ROW = 32;

/** A text with suggestions, of which there may be very many. What is typed counts too, with Enter or on leaving. */
export function Combobox({
  label,
  hideLabel = false,
  value,
  suggestions,
  loading = false,
  trouble,
  placeholder,
  className = '',
  isNext = false,
  onSearch,
  onChoose,
}: Props) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const scroller = useRef<HTMLUListElement>(null);
  const rows = useVirtualizer({
    count: suggestions.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 6,
  });
  const commit = (next: string) => {
    setText(next);
    if (next !== value) onChoose(next);
  };
  const { isOpen, highlightedIndex, getLabelProps, getInputProps, getMenuProps, getItemProps } = useCombobox({
    id: useId(),
    items: [...suggestions],
    inputValue: text,
    selectedItem: null,
    itemToString: (item) => item?.value ?? '',
    onIsOpenChange: ({ isOpen, type }) => {
      const byTyping = type === useCombobox.stateChangeTypes.InputChange;
      if (isOpen && !byTyping) onSearch(text === value ? '' : text);
    },
    onSelectedItemChange: ({ selectedItem }) => {
      if (selectedItem) commit(selectedItem.value);
    },
    onHighlightedIndexChange: ({ highlightedIndex, type }) => {
      const byMouse =
        type === useCombobox.stateChangeTypes.MenuMouseLeave || type === useCombobox.stateChangeTypes.ItemMouseMove;
      if (highlightedIndex >= 0 && !byMouse) rows.scrollToIndex(highlightedIndex);
    },
    scrollIntoView() {},
  });

  return (
    <div className={`relative flex flex-col gap-1 ${className}`}>
      {/* biome-ignore lint/a11y/noLabelWithoutControl: downshift connects them */}
      <label {...getLabelProps()} className={hideLabel ? 'sr-only' : 'text-muted text-xs'}>
        {label}
      </label>
      <input
        {...getInputProps({
          // At once: downshift's own news comes after React has put back the text of before.
          onChange: ({ currentTarget: { value: typed } }) => {
            setText(typed);
            onSearch(typed);
          },
          onKeyDown: (event) => {
            if (event.key === 'Enter' && highlightedIndex < 0) commit(text);
          },
          onBlur: () => commit(text),
          onFocus: (event) => event.currentTarget.select(),
        })}
        // biome-ignore lint/a11y/noAutofocus: who asked for this field goes on here
        autoFocus={isNext}
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        className="min-h-8 w-full rounded border border-control bg-card px-2 text-ink"
      />
      <ul
        {...getMenuProps({
          ref: scroller,
          // The field keeps the focus: leaving it would take what is typed before the click is done.
          onMouseDown: (event) => event.preventDefault(),
        })}
        className={`absolute top-full left-0 z-20 mt-1 max-h-64 w-max min-w-full max-w-[min(40rem,90vw)] overflow-auto rounded border border-line bg-card shadow-lg ${isOpen ? '' : 'hidden'}`}
      >
        {isOpen && suggestions.length === 0 && (
          <li className="px-2 py-1.5 text-muted" aria-live="polite">
            {trouble ?? (loading ? 'Looking…' : 'Nothing like that')}
          </li>
        )}
        {isOpen && suggestions.length > 0 && (
          <li role="presentation" style={{ height: rows.getTotalSize(), width: widest(suggestions) }} />
        )}
        {isOpen &&
          rows.getVirtualItems().map(({ index, start }) => {
            const item = suggestions[index] as Suggestion;
            return (
              <li
                key={item.value}
                {...getItemProps({ item, index })}
                aria-setsize={suggestions.length}
                aria-posinset={index + 1}
                style={{ transform: `translateY(${start}px)`, height: ROW }}
                className={`absolute top-0 left-0 flex w-full cursor-default items-center gap-3 px-2 ${highlightedIndex === index ? 'bg-raised' : ''}`}
              >
                <span className="mr-auto truncate">{item.value || '(none)'}</span>
                {item.note && <span className="text-muted text-xs">{item.note}</span>}
              </li>
            );
          })}
      </ul>
    </div>
  );
}

/** Rows are out of the flow, so that the list would not be as wide as they are. */
const widest = (suggestions: readonly Suggestion[]) =>
  `${Math.max(...suggestions.slice(0, 200).map(({ value, note = '' }) => value.length + note.length + 4))}ch`;
