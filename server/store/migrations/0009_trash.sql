-- Which documents have been in the trash for longest is asked again and again.
create index documents_in_trash on documents (trashed_at_ms) where trashed_at_ms is not null and purged_at_ms is null;
