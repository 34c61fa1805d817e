// The addresses of readers are those of pages, not of files: the viewer request function of the distribution.
//
//   /posts/<slug> -> /post.html     /x -> /x.html     /x/ -> /x/index.html
//
// Whatever names a file (its last part has a dot), the API and what it serves stay as they are, and so does the query.
// What is no page is answered by the bucket, and then by the page for "not found", with its status.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html

const POST = /^\/posts\/([a-z0-9](?:-?[a-z0-9])*)\/?$/;
const LONGEST_SLUG = 80;

function page(uri) {
    const slug = POST.exec(uri);
    if (slug && slug[1].length <= LONGEST_SLUG) {
        return '/post.html';
    }
    if (uri.endsWith('/')) {
        return uri + 'index.html';
    }
    const last = uri.slice(uri.lastIndexOf('/') + 1);
    return last.includes('.') ? uri : uri + '.html';
}

function handler(event) {
    const request = event.request;
    if (!/^\/(?:api|assets|media)(?:\/|$)/.test(request.uri)) {
        request.uri = page(request.uri);
    }
    return request;
}
