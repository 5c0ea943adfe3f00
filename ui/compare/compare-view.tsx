export function CompareView() {
  return <main />;
}
