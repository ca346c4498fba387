import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { Button } from "./Button";
import styles from "./Toast.module.css";

interface ToastContent {
  text: string;
  action?: { label: string; run: () => void };
}

const TOAST_MS = 8_000;
const ToastContext = createContext<(toast: ToastContent) => void>(() => {});

/** Says something in passing, with at most one thing to do about it. */
export function useToast(): (toast: ToastContent) => void {
  return useContext(ToastContext);
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<(ToastContent & { id: number }) | null>(null);
  const [held, setHeld] = useState(false);
  const show = useCallback((content: ToastContent) => setToast({ ...content, id: Date.now() }), []);
  useEffect(() => {
    if (toast === null || held) return;
    const timer = setTimeout(() => setToast(null), TOAST_MS);
    return () => clearTimeout(timer);
  }, [toast, held]);
  const hold = useMemo(
    () => ({
      onPointerEnter: () => setHeld(true),
      onPointerLeave: () => setHeld(false),
      onFocus: () => setHeld(true),
      onBlur: () => setHeld(false),
    }),
    [],
  );
  return (
    <ToastContext.Provider value={show}>
      {children}
      <div className={styles.place} role="status" {...hold}>
        {toast === null ? null : (
          <div className={styles.toast} key={toast.id}>
            <span>{toast.text}</span>
            {toast.action === undefined ? null : (
              <Button
                look="plain"
                onClick={() => {
                  toast.action?.run();
                  setToast(null);
                  setHeld(false);
                }}
              >
                {toast.action.label}
              </Button>
            )}
          </div>
        )}
      </div>
    </ToastContext.Provider>
  );
}
