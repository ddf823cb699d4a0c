using Millrace.Core;

namespace Millrace.Delivery.Tests.Archive;

public sealed class DoomedListTests
{
    [Fact]
    public void Overtook_DirectoryOlderThanItsDoom_IsDeletedAndAYoungerOneIsNot()
    {
        var place = Directory.CreateTempSubdirectory("millrace-doomed-");
        try
        {
            var id = BroadcastId.New(DateTimeOffset.UnixEpoch.AddYears(56)).Value;
            var list = new DoomedList(place.FullName);
            Assert.False(list.Overtook(id, DateTime.UtcNow.AddHours(-1)));
            list.Add(id, withClips: false);

            // After a restart as before.
            var again = new DoomedList(place.FullName);
            Assert.True(again.Overtook(id, DateTime.UtcNow.AddHours(-1)));
            Assert.False(again.Overtook(id, DateTime.UtcNow.AddHours(1)));

            again.Remove(id);
            Assert.False(again.Overtook(id, DateTime.UtcNow.AddHours(-1)));
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }
}
