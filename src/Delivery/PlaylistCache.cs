namespace Millrace.Delivery;

/// <summary>
/// The newest version of one playlist. It is made by the first who asks after a change; everybody else, thousands at once,
/// gets the same object.
/// </summary>
/// <typeparam name="TSnapshot">What it is made of. One object per version: compared by reference.</typeparam>
internal sealed class PlaylistCache<TSnapshot> where TSnapshot : class
{
    private readonly Lock gate = new();
    private readonly Func<TSnapshot, byte[]> write;
    private readonly Func<TSnapshot, TSnapshot, bool>? isSame;
    private Entry? newest;

    /// <param name="write">Makes the text; a pure function.</param>
    /// <param name="isSame">Whether the text of the first snapshot does for the second, which is newer; null: never.</param>
    public PlaylistCache(Func<TSnapshot, byte[]> write, Func<TSnapshot, TSnapshot, bool>? isSame = null)
    {
        this.write = write;
        this.isSame = isSame;
    }

    private sealed record Entry(TSnapshot Snapshot, EncodedText Text);

    /// <summary>The text of a snapshot.</summary>
    public EncodedText Get(TSnapshot snapshot)
    {
        if (Volatile.Read(ref newest) is { } known && ReferenceEquals(known.Snapshot, snapshot))
            return known.Text;
        lock (gate)
        {
            if (newest is { } made && ReferenceEquals(made.Snapshot, snapshot))
                return made.Text;
            var text = newest is { } older && isSame?.Invoke(older.Snapshot, snapshot) == true ? older.Text : new EncodedText(write(snapshot));
            Volatile.Write(ref newest, new Entry(snapshot, text));
            return text;
        }
    }
}
