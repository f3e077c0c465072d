"""From the source tree to what is flashed: bundles, signed slots, images, and what they take."""
