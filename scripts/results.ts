/**
 * Puts `text` under the heading `## name` of a Markdown document, in place of what is there, or at the end. Other
 * sections stay as they are; a heading inside a fenced block is not one.
 */
export function replaceSection(document: string, name: string, text: string): string {
  const heading = `## ${name}`;
  const lines = document.trimEnd().split('\n');
  const headings = headingLines(lines);
  const start = headings.find((line) => lines[line] === heading) ?? lines.length;
  const end = headings.find((line) => line > start) ?? lines.length;
  const before = lines.slice(0, start).join('\n').trimEnd();
  const after = lines.slice(end).join('\n').trim();
  return `${[before, heading, text.trim(), after].filter((part) => part !== '').join('\n\n')}\n`;
}

/** The numbers of the lines that begin a section of the second level. */
function headingLines(lines: readonly string[]): number[] {
  let fenced = false;
  return lines.flatMap((line, number) => {
    if (line.startsWith('```')) fenced = !fenced;
    return !fenced && line.startsWith('## ') ? [number] : [];
  });
}
