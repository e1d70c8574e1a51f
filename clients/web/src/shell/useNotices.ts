/** Connects notices with the browser: only where somebody asked for them, and the browser allows it. */
import { useEffect } from "react";
import { go, route } from "../stores/route";
import { useServices } from "../stores/services";
import { oneOf, setting } from "../stores/settings";
import { useStore } from "../stores/use";
import { announce, toast } from "../ui/toasts";
import { Notices, noticeOf } from "./notices";

/** Whether somebody wants them. */
export const wantsNotices = setting<"on" | "off">("notices", oneOf(["on", "off"], "off"));

/** Turns them on or off; asks the browser where it has to be asked. Called by a press of a button, never otherwise. */
export async function switchNotices(): Promise<void> {
  if (wantsNotices.get() === "on") {
    wantsNotices.set("off");
    return;
  }
  if (!("Notification" in globalThis)) {
    toast("This browser shows no notifications.", "bad");
    return;
  }
  const answer = await Notification.requestPermission();
  if (answer === "granted") {
    wantsNotices.set("on");
    toast("You are told when a session waits or ends.", "good");
  } else {
    toast("The browser does not allow notifications of this page: change that in its settings for this site.", "bad");
  }
}

const isLooking = (isOpen: boolean): boolean => isOpen && document.visibilityState === "visible" && document.hasFocus();

/** Tells of sessions that wait or end, for as long as the component is drawn. */
export function useNotices(): void {
  const { sessions } = useServices();
  const wanted = useStore(wantsNotices) === "on";
  const openId = () => sessions.find(route.get().session ?? "")?.id;
  useEffect(
    () =>
      sessions.watch((before, after) => {
        const notice = noticeOf(before, after);
        if (notice !== undefined) announce(notice.title);
      }),
    [sessions],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: openId reads what is current when it is called
  useEffect(() => {
    if (!wanted || !("Notification" in globalThis) || Notification.permission !== "granted") return;
    const notices = new Notices({
      show: ({ session, title, body }) =>
        new Notification(title, { body, tag: `sightline ${location.host} ${session}`, icon: "/favicon.svg" }),
      isLooking: (session) => isLooking(session === openId()),
      open: (session) => {
        focus();
        go(session === "" ? {} : { session });
      },
    });
    const looked = () => {
      const id = openId();
      if (id !== undefined && isLooking(true)) notices.looked(id);
    };
    const unwatch = sessions.watch((before, after) => notices.take(before, after));
    const unroute = route.subscribe(looked);
    addEventListener("focus", looked);
    return () => {
      unwatch();
      unroute();
      removeEventListener("focus", looked);
      notices.close();
    };
  }, [sessions, wanted]);
}
