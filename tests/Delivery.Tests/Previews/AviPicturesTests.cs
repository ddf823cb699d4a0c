using System.Buffers.Binary;
using System.Text;
using Millrace.Delivery.Previews;

namespace Millrace.Delivery.Tests.Previews;

public sealed class AviPicturesTests
{
    [Fact]
    public void TryRead_OnePictureOfEachStream_AreFoundBesideWhatElseThereIs()
    {
        var file = File(("00dc", []), ("00dc", Jpeg(5)), ("JUNK", [1, 2, 3]), ("01dc", Jpeg(8)), ("00dc", Jpeg(9)));
        Assert.True(AviPictures.TryRead(file, 2, out var pictures));
        Assert.Equal(Jpeg(5), pictures[0]);
        Assert.Equal(Jpeg(8), pictures[1]);
    }

    [Fact]
    public void TryRead_StreamWithoutAPicture_IsRefused() =>
        Assert.False(AviPictures.TryRead(File(("00dc", Jpeg(5)), ("02dc", Jpeg(5)), ("0xdc", Jpeg(5))), 2, out _));

    [Fact]
    public void TryRead_PictureThatIsNone_IsRefused() => Assert.False(AviPictures.TryRead(File(("00dc", [0xFF, 0xD8, 1, 2])), 1, out _));

    [Fact]
    public void TryRead_CutAnywhere_IsRefused()
    {
        var file = File(("00dc", Jpeg(5)), ("01dc", Jpeg(8)));
        for (var length = 0; length < file.Length; length++)
            Assert.False(AviPictures.TryRead(file.AsSpan(0, length), 2, out _), $"{length} bytes of {file.Length}");
        Assert.True(AviPictures.TryRead(file, 2, out _));
    }

    [Fact]
    public void TryRead_AnyLengthField_NeverReachesBeyondTheFile()
    {
        var file = File(("00dc", Jpeg(5)), ("01dc", Jpeg(8)));
        for (var at = 0; at + 4 <= file.Length; at++)
        {
            foreach (var value in (uint[])[uint.MaxValue, int.MaxValue, 0x80000000, 0])
            {
                var hostile = file.ToArray();
                BinaryPrimitives.WriteUInt32LittleEndian(hostile.AsSpan(at), value);
                AviPictures.TryRead(hostile, 2, out _);
            }
        }
    }

    private static byte[] Jpeg(int length) => [0xFF, 0xD8, .. new byte[length - 4], 0xFF, 0xD9];

    private static byte[] File(params (string Id, byte[] Data)[] chunks)
    {
        using var file = new MemoryStream();
        file.Write("RIFF"u8);
        file.Write([255, 255, 255, 255]);
        file.Write("AVI "u8);
        Write("LIST", [.. "hdrl"u8, 1, 2, 3]);
        file.Write("LIST"u8);
        file.Write([255, 255, 255, 255]);
        file.Write("movi"u8);
        foreach (var (id, data) in chunks)
            Write(id, data);
        return file.ToArray();

        void Write(string id, byte[] data)
        {
            file.Write(Encoding.ASCII.GetBytes(id));
            var length = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, data.Length);
            file.Write(length);
            file.Write(data);
            if (data.Length % 2 == 1)
                file.WriteByte(0);
        }
    }
}
