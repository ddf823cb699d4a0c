using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Millrace.Fuzz;

const string Usage = """
    fuzz all|TARGET… [--seconds N] [--seed N] [--short]   mutates the corpus; N seconds in all (10); exit code 1 on a find
    fuzz TARGET --input FILE                               runs one input, for a debugger
    fuzz TARGET --afl                                      under AFL++ with SharpFuzz (see README.md)
    fuzz --list
    """;

var selected = new List<FuzzTarget>();
var seconds = 10.0;
var seed = 1;
string? inputFile = null;
var afl = false;
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--list":
            foreach (var target in FuzzTarget.All)
                Console.WriteLine(target.Name);
            return 0;
        case "--seconds" when i + 1 < args.Length && double.TryParse(args[i + 1], CultureInfo.InvariantCulture, out seconds):
            i++;
            break;
        case "--seed" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out seed):
            i++;
            break;
        case "--input" when i + 1 < args.Length:
            inputFile = args[++i];
            break;
        case "--short":
            seconds = 10;
            break;
        case "--afl":
            afl = true;
            break;
        case "all":
            selected.AddRange(FuzzTarget.All);
            break;
        case var name when FuzzTarget.All.FirstOrDefault(target => target.Name == name) is { } target:
            selected.Add(target);
            break;
        default:
            Console.Error.WriteLine($"Unknown target or option {args[i]}.\n{Usage}");
            return 2;
    }
}
if (selected.Count == 0)
    selected.AddRange(FuzzTarget.All);

if (afl)
{
    SharpFuzz.Fuzzer.OutOfProcess.Run(stream =>
    {
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        selected[0].Run(copy.ToArray());
    });
    return 0;
}
if (inputFile is not null)
{
    selected[0].Run(File.ReadAllBytes(inputFile));
    Console.WriteLine("no crash");
    return 0;
}

var root = FindRoot();
long inputs = 0;
var crashed = 0;
foreach (var target in selected)
{
    var (count, find) = Hunt(target, seconds / selected.Count);
    inputs += count;
    if (find)
        crashed++;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target.Name,-22} {count,9} inputs  {(find ? "CRASH" : "no crash")}"));
}
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"fuzz: {selected.Count} targets, {inputs} inputs, {(crashed == 0 ? "no crash" : crashed + " crashed")}"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{selected.Count - crashed} passed, {crashed} failed"));
return crashed == 0 ? 0 : 1;

(long Count, bool Find) Hunt(FuzzTarget target, double forSeconds)
{
    var corpus = Corpus(target);
    var mutator = new Mutator(seed);
    var clock = Stopwatch.StartNew();
    var count = 0L;
    // The corpus itself first: it holds every crash of the past.
    foreach (var input in corpus)
    {
        count++;
        if (!Survives(target, input))
            return (count, true);
    }
    while (clock.Elapsed.TotalSeconds < forSeconds)
    {
        count++;
        if (!Survives(target, mutator.Next(corpus)))
            return (count, true);
    }
    return (count, false);
}

bool Survives(FuzzTarget target, byte[] input)
{
    var began = Stopwatch.GetTimestamp();
    Exception? thrown = null;
    try
    {
        target.Run(input);
    }
    catch (Exception exception)
    {
        thrown = exception;
    }
    // 64 KiB take microseconds; a second means that something grows faster than its input, or that this machine was asleep.
    var slow = thrown is null && Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(1) && IsSlowAgain(target, input);
    if (thrown is null && !slow)
        return true;
    var directory = Path.Combine(root, "fuzz", "crashes", target.Name);
    Directory.CreateDirectory(directory);
    var path = Path.Combine(directory, Convert.ToHexStringLower(SHA256.HashData(input))[..16] + ".bin");
    File.WriteAllBytes(path, input);
    Console.WriteLine($"{target.Name}: {(slow ? "takes more than a second" : thrown)}\nsaved as {path}");
    return false;
}

static bool IsSlowAgain(FuzzTarget target, byte[] input)
{
    var began = Stopwatch.GetTimestamp();
    target.Run(input);
    return Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(1);
}

// Files as they are (.bin), or hexadecimal text with comments (.hex), where small inputs can be read and reviewed.
List<byte[]> Corpus(FuzzTarget target)
{
    var inputs = new List<byte[]>();
    var directory = Path.Combine(root, "fuzz", "corpus", target.Name);
    if (!Directory.Exists(directory))
        return inputs;
    foreach (var path in Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal))
    {
        inputs.Add(path.EndsWith(".hex", StringComparison.Ordinal)
            ? Convert.FromHexString(Regex.Replace(Regex.Replace(File.ReadAllText(path), "#.*", ""), @"\s", ""))
            : File.ReadAllBytes(path));
    }
    return inputs;
}

static string FindRoot()
{
    for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
    {
        if (File.Exists(Path.Combine(directory.FullName, "Millrace.slnx")))
            return directory.FullName;
    }
    return Environment.CurrentDirectory;
}
