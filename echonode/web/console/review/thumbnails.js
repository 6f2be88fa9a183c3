// The small picture of an image, for lists. Pure.

// Its address: the thumbnail, or of what has none the middle frame; "" where there is no picture.
export function thumbnailOf(each) {
  if (!each.is_here || !each.rows) return "";
  const path = `api/instances/${encodeURIComponent(each.sop_instance_uid)}`;
  return each.thumbnail ? `${path}/thumbnail` : `${path}/frames/${Math.floor(each.frames / 2) + 1}?quality=60`;
}
