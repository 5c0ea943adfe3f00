import type { Attributes } from '../../model/span.ts';
import { formatValue } from '../logic/find.ts';
import { CopyButton } from '../parts/copy-button.tsx';

/** Attributes by key. Values are text, whatever they contain. */
export function AttributeTable({ attributes }: { attributes: Attributes }) {
  const keys = Object.keys(attributes).sort();
  if (keys.length === 0) return null;
  return (
    <table class="attributes">
      <tbody>
        {keys.map((key) => {
          const value = attributes[key]!;
          const text = formatValue(value);
          return (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td class={typeof value === 'string' ? 'string' : 'other'}>
                <span class="value">{text}</span>
                <CopyButton text={text} what={key} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
