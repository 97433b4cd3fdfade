/** An expression that drops a file on the stage of the demo page, as a person does with a mouse. */
export function dropFile(name: string, bytes: Uint8Array): string {
  return `(() => {
    const bytes = Uint8Array.from(atob('${Buffer.from(bytes).toString('base64')}'), (c) => c.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], ${JSON.stringify(name)}));
    document.querySelector('.stage').dispatchEvent(
      new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }),
    );
    return true;
  })()`;
}
