import type { ComponentChildren } from 'preact';

/** Icons are drawn here, 24 by 24, in the colour of the text around them; words stand on the buttons' labels. */
function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const PlayIcon = () => (
  <Icon>
    <path d="M8 5.3v13.4a.8.8 0 0 0 1.2.7l10.7-6.7a.8.8 0 0 0 0-1.4L9.2 4.6A.8.8 0 0 0 8 5.3z" fill="currentColor" />
  </Icon>
);

export const PauseIcon = () => (
  <Icon>
    <path d="M7 5h3.5v14H7zM13.5 5H17v14h-3.5z" fill="currentColor" />
  </Icon>
);

const speaker = <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z" fill="currentColor" />;
const line = { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.8, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' } as const;

export const VolumeIcon = ({ volume }: { volume: number }) => (
  <Icon>
    {speaker}
    <path d="M15 9.5a3.6 3.6 0 0 1 0 5" {...line} />
    {volume > 0.5 && <path d="M17.3 7a7 7 0 0 1 0 10" {...line} />}
  </Icon>
);

export const MutedIcon = () => (
  <Icon>
    {speaker}
    <path d="M15.5 9.7l4.6 4.6M20.1 9.7l-4.6 4.6" {...line} />
  </Icon>
);

export const EnterFullscreenIcon = () => (
  <Icon>
    <path d="M4.5 9.5v-5h5M14.5 4.5h5v5M19.5 14.5v5h-5M9.5 19.5h-5v-5" {...line} />
  </Icon>
);

export const LeaveFullscreenIcon = () => (
  <Icon>
    <path d="M9.5 4.5v5h-5M19.5 9.5h-5v-5M14.5 19.5v-5h5M4.5 14.5h5v5" {...line} />
  </Icon>
);

export const PipIcon = () => (
  <Icon>
    <path d="M3.5 6.5a1 1 0 0 1 1-1h15a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1z" {...line} />
    <path d="M12.5 12.5h5.5v3.7h-5.5z" fill="currentColor" />
  </Icon>
);

export const SettingsIcon = () => (
  <Icon>
    <path d="M4 7.5h8.5M17.5 7.5H20M4 16.5h2.5M11.5 16.5H20" {...line} />
    <circle cx="15" cy="7.5" r="2.3" {...line} />
    <circle cx="9" cy="16.5" r="2.3" {...line} />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="M5.5 12.5l4 4 9-9.5" {...line} />
  </Icon>
);

export const SoundIcon = () => (
  <Icon>
    <path d="M5 10v4M9 7v10M13 4.5v15M17 8v8M21 10.5v3" {...line} />
  </Icon>
);
