/** Waits for it, so long at most; whatever comes of it. */
export async function within(ms: number, ended: Promise<void> | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([ended?.catch(() => {}), late]);
  clearTimeout(timer);
}
